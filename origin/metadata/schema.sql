-- Users, videos, uploads, the social graph, counts and worker numbers. Times are epoch milliseconds.
CREATE TABLE users (
    user_id INTEGER PRIMARY KEY,
    handle TEXT NOT NULL,
    handle_key TEXT NOT NULL UNIQUE, -- case-folded
    guest INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
);

CREATE TABLE videos (
    video_id INTEGER PRIMARY KEY,
    creator_id INTEGER NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    visibility TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    progress REAL NOT NULL,
    raw_key TEXT NOT NULL,
    published_at_ms INTEGER,
    tags TEXT NOT NULL, -- JSON array
    views INTEGER NOT NULL DEFAULT 0,
    likes INTEGER NOT NULL DEFAULT 0,
    comments INTEGER NOT NULL DEFAULT 0,
    shares INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL DEFAULT 0, -- of the publication; 0: none
    publication TEXT, -- JSON object
    failure_code TEXT,
    failure_detail TEXT
);
CREATE INDEX videos_public ON videos (video_id) WHERE visibility = 'public' AND status IN ('playable', 'ready');
CREATE INDEX videos_public_of ON videos (creator_id, video_id, likes)
    WHERE visibility = 'public' AND status IN ('playable', 'ready');
CREATE INDEX videos_of ON videos (creator_id, video_id) WHERE status <> 'deleted';

CREATE TABLE uploads (
    upload_id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    state INTEGER NOT NULL, -- place in UploadState
    length INTEGER,
    metadata TEXT NOT NULL,
    multipart_id TEXT NOT NULL,
    object_key TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
);
CREATE INDEX uploads_by_state ON uploads (state, upload_id);
CREATE INDEX uploads_of ON uploads (user_id, state, upload_id);

CREATE TABLE likes (
    user_id INTEGER NOT NULL,
    video_id INTEGER NOT NULL,
    liked_at_ms INTEGER NOT NULL,
    PRIMARY KEY (user_id, video_id)
) WITHOUT ROWID;

-- What each like event added to the like count, so that a consumer may ask again after a crash.
CREATE TABLE counted_likes (
    user_id INTEGER NOT NULL,
    video_id INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    liked INTEGER NOT NULL,
    delta INTEGER NOT NULL,
    PRIMARY KEY (user_id, video_id, "offset")
) WITHOUT ROWID;

CREATE TABLE comments (
    comment_id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
);
CREATE INDEX comments_of ON comments (video_id, comment_id);

-- `since_ms` differs between the follows of one user, either way, so that it can be a page position.
CREATE TABLE follows (
    follower_id INTEGER NOT NULL,
    followee_id INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (follower_id, followee_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX following_of ON follows (follower_id, since_ms);
CREATE UNIQUE INDEX followers_of ON follows (followee_id, since_ms);

-- Flushes that were applied.
CREATE TABLE count_batches (
    batch_id TEXT PRIMARY KEY,
    applied_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX count_batches_by_age ON count_batches (applied_at_ms);

CREATE TABLE hot_hours (
    hour INTEGER NOT NULL, -- hours since 1970
    video_id INTEGER NOT NULL,
    score INTEGER NOT NULL,
    PRIMARY KEY (hour, video_id)
) WITHOUT ROWID;

CREATE TABLE workers (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL, -- empty: given back
    ends_at_ms INTEGER NOT NULL,
    free_at_ms INTEGER NOT NULL
);
