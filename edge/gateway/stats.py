"""What the gateway counts, for the metrics page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class GatewayStats:
    requests: Counter[str] = field(default_factory=Counter)
    """Answers by route class and status, as `read 200`."""
    milliseconds: Counter[str] = field(default_factory=Counter)
    """Milliseconds spent answering, by route class (streams of events apart)."""
    refused: Counter[str] = field(default_factory=Counter)
    """Requests that the filter stopped, by reason."""
    limited: Counter[str] = field(default_factory=Counter)
    """Requests over their rate, by route class."""
    limits_degraded: int = 0
    """Rate decisions taken by local memory because the shared store did not answer."""
    unauthenticated: int = 0
    """Requests whose bearer token was refused."""
    event_streams: int = field(default=0, metadata={"gauge": True})
    """Server-sent event streams open now."""
    errors: int = 0
    """Answers 500: a defect, with a traceback in the log."""
