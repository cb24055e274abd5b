-- The event log. Offsets of a topic are dense; `heads` keeps the next one, so that trimming never gives one twice.
CREATE TABLE records (
    topic TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    appended_at_ms INTEGER NOT NULL,
    PRIMARY KEY (topic, "offset")
) WITHOUT ROWID;

CREATE TABLE heads (
    topic TEXT PRIMARY KEY,
    first_offset INTEGER NOT NULL,
    next_offset INTEGER NOT NULL
) WITHOUT ROWID;

-- The next offset that a group wants.
CREATE TABLE commits (
    consumer_group TEXT NOT NULL,
    topic TEXT NOT NULL,
    next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic)
) WITHOUT ROWID;
