-- The end of the chain of flushes: one row, JSON.
CREATE TABLE count_chain (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    written TEXT NOT NULL
);
