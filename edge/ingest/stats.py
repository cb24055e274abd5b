"""What the ingest counts, for the metrics page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class IngestStats:
    created: Counter[str] = field(default_factory=Counter)
    """Uploads begun, by protocol (`tus`, `rufh`)."""
    finished: int = 0
    """Uploads whose last byte was stored and that were handed to packaging."""
    cancelled: int = 0
    """Uploads ended by their client."""
    voided: int = 0
    """Uploads ended because their bytes were no video or more than announced."""
    stored_bytes: int = 0
    """Bytes made durable."""
    receiving: int = field(default=0, metadata={"gauge": True})
    """Requests whose body is arriving now."""
    interrupted: int = 0
    """Requests that gave way to a newer one for the same upload."""
    disconnects: int = 0
    """Requests whose client went away in mid-body."""
    slow: int = 0
    """Requests ended because their body stopped arriving."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Refusals by problem code."""
