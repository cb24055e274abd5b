"""Whether acts are offered to the origin at once. Rules file."""

from __future__ import annotations

from dataclasses import dataclass

from origin.eventlog.base import EventLogError, LogUnavailable
from origin.metadata.base import MetadataError, MetadataUnavailable
from origin.roles import RoleUnavailable

AWAY = (LogUnavailable, MetadataUnavailable, RoleUnavailable, TimeoutError)
"""What a request does not wait out: its acts are spooled."""
NOT_NOW = (*AWAY, EventLogError, MetadataError)
"""What the forwarder waits out: also stores that are full, refuse us or are not prepared, until an operator helped."""


@dataclass(slots=True)
class Circuit:
    """Opened by the first act that the origin did not take, closed by the forwarder when a round got through.

    It has no clock: what opened it lies in the spool, so the forwarder tries again anyway.
    """

    is_open: bool = False
