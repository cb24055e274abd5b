"""Long lists in buckets: which buckets there are, and pages through them without gaps.

The table `buckets` names the buckets of a list that hold anything, so a page reads those only and ends with the last.
Within a bucket a page goes on behind the position where the one before ended, whatever came or went meanwhile.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from origin.metadata.cassandra_buckets import SHARDS
from origin.metadata.cassandra_session import CassandraSession, Row, Statement

T = TypeVar("T")
Shown = Callable[[Sequence[Row]], Awaitable[Sequence[T]]]
"""What a page shows of some rows, in their order."""
EVERYBODY = 0
"""The owner of a list that is nobody's own."""
_BUCKETS_AT_ONCE = 32
_SETTLED_BUCKETS = 2
"""A bucket this much older than the newest gets no new entries but by a change to an old one."""
_BUCKETS = "SELECT bucket, writetime(change) FROM buckets WHERE list = ? AND owner = ?"
_OLDER = Statement(f"{_BUCKETS} AND bucket <= ? LIMIT ?")
_NEWER = Statement(f"{_BUCKETS} AND bucket >= ? ORDER BY bucket ASC LIMIT ?")
_NAME = Statement("INSERT INTO buckets (list, owner, bucket, change) VALUES (?, ?, ?, ?)")
_FORGET = Statement("DELETE FROM buckets USING TIMESTAMP ? WHERE list = ? AND owner = ? AND bucket = ?")


@dataclass(frozen=True, slots=True)
class Listing:
    """How to read a list: `rows(bucket, position, size)` gives rows behind a position, which is their first column.

    `forgets`: entries are taken out as time goes by, so a bucket that was emptied is not looked at again.
    """

    name: str
    owner: int
    bucket_of: Callable[[int], int]
    rows: Callable[[int, int, int], Awaitable[Sequence[Row]]]
    newest_first: bool = True
    forgets: bool = False


async def name_bucket(session: CassandraSession, name: str, owner: int, bucket: int) -> None:
    """Make a bucket known to listings, after an entry was written to it."""
    await session.write(_NAME, name, owner, bucket, uuid.uuid4())


async def name_lasting(session: CassandraSession, name: str, owner: int, bucket: int) -> None:
    """The same of a list that never forgets a bucket: once is enough."""
    if not session.once.has((name, owner, bucket)):
        await name_bucket(session, name, owner, bucket)
        session.once.add((name, owner, bucket))


async def page_of(session: CassandraSession, listing: Listing, position: int, limit: int, shown: Shown[T]) -> list[T]:
    """Up to `limit` of what `shown` makes of the rows behind `position`, in order."""
    found: list[T] = []
    start: int | None = listing.bucket_of(position - 1 if listing.newest_first else position + 1)
    while start is not None and len(found) < limit:
        named, start = await _named(session, listing, start)
        for bucket, named_us in named:
            wanted = limit - len(found)
            if wanted <= 0:
                break
            some, is_empty = await _of_bucket(listing, bucket, position, wanted, shown)
            found += some
            if is_empty and listing.forgets and bucket <= named[-1][0] - _SETTLED_BUCKETS:
                # Not a name that was written since.
                await session.write(_FORGET, named_us, listing.name, listing.owner, bucket)
    return found[:limit]


async def _named(session: CassandraSession, listing: Listing, start: int) -> tuple[list[Row], int | None]:
    """Some buckets from `start` on, and where the next begin."""
    statement = _OLDER if listing.newest_first else _NEWER
    named = await session.rows(statement, listing.name, listing.owner, start, _BUCKETS_AT_ONCE)
    if len(named) < _BUCKETS_AT_ONCE:
        return named, None
    return named, named[-1][0] + (-1 if listing.newest_first else 1)


async def _of_bucket(
    listing: Listing, bucket: int, position: int, wanted: int, shown: Shown[T]
) -> tuple[list[T], bool]:
    """What is shown of a bucket, and whether all of it was read and nothing is in it."""
    found: list[T] = []
    is_empty = listing.bucket_of(position) != bucket
    while len(found) < wanted:
        rows = await listing.rows(bucket, position, wanted)
        is_empty = is_empty and not rows
        found += await shown(rows)
        if len(rows) < wanted:
            break
        position = rows[-1][0]
    return found, is_empty


async def of_shards(read: Callable[[int], Awaitable[Sequence[Row]]], size: int, *, newest_first: bool) -> list[Row]:
    """The first `size` rows of all shards together; `read(shard)` gives as many of one."""
    parts = await asyncio.gather(*(read(shard) for shard in range(SHARDS)))
    return sorted((row for part in parts for row in part), key=lambda row: int(row[0]), reverse=newest_first)[:size]
