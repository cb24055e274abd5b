-- WebVTT tracks: a JSON object, by language (caption_text.py).
ALTER TABLE videos ADD COLUMN captions TEXT NOT NULL DEFAULT '{}';
-- When moderation left a clip to a person.
ALTER TABLE videos ADD COLUMN held_at_ms INTEGER;
-- The status that a person took a video down from.
ALTER TABLE videos ADD COLUMN taken_down_from TEXT;
