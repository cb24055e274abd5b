"""What the loops of webhooks count, for `/metrics`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class WebhookStats:
    """Counters since the start."""

    announced: int = 0
    """Messages made, one for each webhook that wants it."""
    delivered: int = 0
    """Attempts that a receiver took."""
    failed: int = 0
    """Attempts that none took."""
    given_up: int = 0
    """Messages whose last attempt failed, or that found no room for too long; dead-lettered."""
    disabled: int = 0
    """Webhooks disabled because their receiver is gone, or failing for days."""
    put_off: int = 0
    """Times that a message waited because there was no room for it."""
    dropped: int = 0
    """Messages of webhooks that were deleted or disabled meanwhile, and tests that found no room."""
    malformed: int = 0
    """Records that could not be read; dead-lettered."""
    broken: int = 0
    """Records at which something broke that nobody foresaw; dead-lettered."""
    retries: int = 0
    """Steps that had to be tried again because a store was away."""
    running: int = field(default=0, metadata={"gauge": True})
    """Attempts under way now."""
