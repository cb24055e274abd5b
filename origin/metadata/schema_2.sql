-- What was agreed when an upload began: JSON, empty for an ordinary one.
ALTER TABLE uploads ADD COLUMN terms TEXT NOT NULL DEFAULT '';
