"""The system of record: what outlives a process."""
