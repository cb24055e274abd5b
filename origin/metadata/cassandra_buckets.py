"""How long lists are cut into partitions, so that none grows without bound. Rules file.

A bucket is a span of time counted from ids.EPOCH_MS: of a Snowflake by the milliseconds in it, of a time by itself.
Whatever everybody adds to is spread over shards besides.
"""

from __future__ import annotations

from origin.ids import EPOCH_MS

_DAY_MS = 86_400_000
_MONTH_MS = 30 * _DAY_MS
_MILLISECONDS_AT = 22
"""The bit of a Snowflake at which its milliseconds begin."""
_LAST_BUCKET = (1 << 31) - 1
"""A bucket is a CQL int."""
SHARDS = 8
_GOLDEN = 0x9E37_79B9_7F4A_7C15
"""2⁶⁴ over the golden ratio: spreads ids whose low bits hardly differ (Knuth, TAOCP 3, 6.4)."""


def day_of_id(snowflake: int) -> int:
    return (snowflake >> _MILLISECONDS_AT) // _DAY_MS


def month_of_id(snowflake: int) -> int:
    return (snowflake >> _MILLISECONDS_AT) // _MONTH_MS


def day_of_ms(time_ms: int) -> int:
    return min((time_ms - EPOCH_MS) // _DAY_MS, _LAST_BUCKET)


def shard_of(snowflake: int) -> int:
    return ((snowflake * _GOLDEN) & 0xFFFF_FFFF_FFFF_FFFF) >> 61
