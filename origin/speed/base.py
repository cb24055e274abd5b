"""The port to the speed layer's server: what Redis clients connect to.

Promised: the server at `url` answers when `open_speed` returns; an embedded one is started again when it dies, on the
same socket and with its data, so clients only need to reconnect. Not promised: that it answers at every moment.
"""

from __future__ import annotations

from typing import Protocol


class SpeedUnavailable(Exception):
    """The embedded server did not start; the text says why, with the end of its log."""


class Speed(Protocol):
    @property
    def url(self) -> str:
        """For Redis clients: `unix://…`, `redis://…`; or `memory:`."""

    async def close(self) -> None:
        """Stop what was started. Closing again is no error."""
