-- WebVTT tracks: a JSON object, by language (caption_text.py).
ALTER TABLE videos ADD COLUMN captions TEXT NOT NULL DEFAULT '{}';
