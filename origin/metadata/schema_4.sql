-- WebVTT tracks: a JSON object, by language (caption_text.py).
ALTER TABLE videos ADD COLUMN captions TEXT NOT NULL DEFAULT '{}';
-- When moderation left a clip to a person.
ALTER TABLE videos ADD COLUMN held_at_ms INTEGER;
-- The status that a person took a video down from.
ALTER TABLE videos ADD COLUMN taken_down_from TEXT;
-- The earlier video that one was found to be of.
ALTER TABLE videos ADD COLUMN reupload_of INTEGER;
-- What videos look and sound like, and by which bands of it they are found (origin/prints.py).
CREATE TABLE prints (
    video_id INTEGER PRIMARY KEY,
    pictures BLOB NOT NULL,
    sound BLOB NOT NULL
);
CREATE TABLE print_bands (
    band INTEGER NOT NULL,
    video_id INTEGER NOT NULL,
    PRIMARY KEY (band, video_id)
) WITHOUT ROWID;
