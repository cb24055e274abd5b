"""What the routes are handed: the roles behind the gateway and the rest that it does not make itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.gateway.documents import Playback
from edge.gateway.issuers.base import Issuer
from edge.gateway.limits.base import Limits
from edge.gateway.ports import Captions, Feeds, Reviews, Social, Videos, Webhooks
from edge.gateway.settings import GatewaySettings
from edge.gateway.stats import GatewayStats


@dataclass(frozen=True, slots=True)
class Services:
    videos: Videos
    social: Social
    feeds: Feeds
    playback: Playback
    issuer: Issuer
    limits: Limits
    settings: GatewaySettings
    clock: Callable[[], int]
    """Epoch milliseconds."""
    reviews: Reviews
    captions: Captions
    webhooks: Webhooks
    audience: str = "reelway"
    stats: GatewayStats = field(default_factory=GatewayStats)
