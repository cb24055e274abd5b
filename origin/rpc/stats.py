"""What a server of calls counts, for the metrics page. Rules file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class RpcStats:
    calls: Counter[str] = field(default_factory=Counter)
    """Calls and streams that ended, by method and status: `Videos/View OK`."""
    under_way: int = field(default=0, metadata={"gauge": True})
    """Calls and streams that are worked on."""
    streams: int = field(default=0, metadata={"gauge": True})
    """Of them the streams."""
