"""The port to the speed layer's server: what Redis clients connect to.

Promised: an embedded server answers when `open_speed` returns and is started again when it dies, on the same socket
and with its data, so clients only need to reconnect. Opening a server that someone else runs connects to nothing: it
may be away at the start and come later. Not promised: that a server answers at every moment.
"""

from __future__ import annotations

from typing import Protocol


class SpeedError(Exception):
    """The root of this port's errors. Their texts name the server, without a password, and the remedy."""


class SpeedUnavailable(SpeedError):
    """The server did not answer, is not what its URL says, has too few replicas, or an embedded one did not start.
    A retry helps once that has changed."""


class SpeedUnreplicated(SpeedUnavailable):
    """The server took a write, but too few replicas have it: counts gather and cannot be flushed; all else works."""


class SpeedDenied(SpeedError):
    """The server refused the user name or password, what the user may do, or the database: waiting mends none."""


class Speed(Protocol):
    @property
    def url(self) -> str:
        """For `origin.speed.clients`: `unix://…`, `redis://…`, `redis+sentinel://…`, `redis+cluster://…`; or
        `memory:`."""

    async def check(self) -> None:
        """Return when the server can be used now: it answers, takes writes, and has the replicas that a flush waits
        for. Raises SpeedUnavailable, SpeedUnreplicated where it is only those that lack, or SpeedDenied."""

    async def close(self) -> None:
        """Stop what was started. Closing again is no error."""
