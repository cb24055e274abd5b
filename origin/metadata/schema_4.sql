-- WebVTT tracks: a JSON object, by language (caption_text.py).
ALTER TABLE videos ADD COLUMN captions TEXT NOT NULL DEFAULT '{}';
-- When moderation left a clip to a person.
ALTER TABLE videos ADD COLUMN held_at_ms INTEGER;
CREATE TABLE webhooks (
    webhook_id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    url TEXT NOT NULL,
    types TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    old_secret TEXT NOT NULL,
    old_secret_until_ms INTEGER NOT NULL,
    disabled TEXT,
    failing_since_ms INTEGER
) STRICT;
CREATE INDEX webhooks_of_user ON webhooks (user_id);
-- Also of those that are deleted.
CREATE TABLE webhook_owners (
    webhook_id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL
) STRICT;
CREATE TABLE webhook_attempts (
    webhook_id INTEGER NOT NULL,
    attempt_id INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    error TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    next_at_ms INTEGER,
    PRIMARY KEY (webhook_id, attempt_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_attempts_at ON webhook_attempts (at_ms);
-- Bodies, as long as an attempt names them.
CREATE TABLE webhook_messages (
    webhook_id INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_messages_at ON webhook_messages (at_ms);
-- Who makes a hot video's further renditions, or until when nobody tries (owner is an attempt, no process).
CREATE TABLE enhancements (
    video_id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    ends_at_ms INTEGER NOT NULL
);
-- The status that a person took a video down from, and how often that was.
ALTER TABLE videos ADD COLUMN taken_down_from TEXT;
ALTER TABLE videos ADD COLUMN takedowns INTEGER NOT NULL DEFAULT 0;
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
