"""Claims on enhancements in Cassandra: a row per video, written by compare-and-set only, with a time to live."""

from __future__ import annotations

import uuid

from origin.metadata.cassandra_session import CassandraSession, compare_and_set, settled

_LONGER_S = 3600
"""A row outlives its claim by this, as the clocks of processes and nodes differ; who asks goes by `ends_at`."""
_READ = settled("SELECT change, owner, toUnixTimestamp(ends_at) FROM enhancements WHERE video_id = ?")
_TAKE_NEW = compare_and_set(
    "INSERT INTO enhancements (video_id, owner, ends_at, change) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?"
)
_TAKE_AGAIN = compare_and_set(
    "UPDATE enhancements USING TTL ? SET owner = ?, ends_at = ?, change = ? WHERE video_id = ? IF change = ?"
)


async def claim(session: CassandraSession, video_id: int, owner: str, now_ms: int, ends_at_ms: int) -> bool:
    row = await session.row(_READ, video_id)
    change, lasting_s = uuid.uuid4(), max(0, ends_at_ms - now_ms) // 1000 + _LONGER_S
    if row is None:
        new = (video_id, owner, ends_at_ms, change, lasting_s)
        return await session.decide(_TAKE_NEW, new, change, _READ, video_id, makes_row=True)
    if row[1] != owner and row[2] > now_ms:
        return False
    again = (lasting_s, owner, ends_at_ms, change, video_id, row[0])
    return await session.decide(_TAKE_AGAIN, again, change, _READ, video_id)
