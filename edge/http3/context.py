"""What the server's parts share: one value, made once by `Http3Server`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from edge.asgi import AsgiApp
from edge.http3.fields import Fields
from edge.http3.settings import Http3Settings
from edge.http3.stats import Http3Stats


@dataclass(slots=True)
class FrontContext:
    """The application, the limits, the counters and the clock."""

    app: AsgiApp
    settings: Http3Settings
    stats: Http3Stats
    clock: Callable[[], int]
    """Epoch milliseconds, for the Date field."""
    server_address: tuple[str, int] = ("", 0)
    draining: bool = False
    """New connections and requests are refused."""
    _date: tuple[int, bytes] = (0, b"")

    def default_fields(self) -> Fields:
        """Fields every response has unless its application set them (RFC 9110 6.6.1)."""
        second = self.clock() // 1000
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True).encode("ascii"))
        return [(b"date", self._date[1])]
