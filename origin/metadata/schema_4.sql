-- WebVTT tracks: a JSON object, by language (caption_text.py).
ALTER TABLE videos ADD COLUMN captions TEXT NOT NULL DEFAULT '{}';
-- When moderation left a clip to a person.
ALTER TABLE videos ADD COLUMN held_at_ms INTEGER;
-- Who makes a hot video's further renditions, or until when nobody tries (owner is an attempt, no process).
CREATE TABLE enhancements (
    video_id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    ends_at_ms INTEGER NOT NULL
);
