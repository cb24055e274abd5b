"""The errors of the feed and the scorer in addition to origin's. Rules file."""

from __future__ import annotations

from feed.cursor import BadCursor
from feed.ranker import RankerUnavailable
from origin.rpc.errors import ORIGIN_ERRORS, UNAVAILABLE, Errors, Known

FEED_ERRORS = Errors(
    [
        *ORIGIN_ERRORS,
        Known(BadCursor, "BAD_CURSOR", "INVALID_ARGUMENT"),
        Known(RankerUnavailable, "RANKER_UNAVAILABLE", UNAVAILABLE),
    ]
)
