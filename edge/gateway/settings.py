"""Settings of the gateway, with units; `deploy.compose` fills them in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.gateway.limits.base import Policy

DEFAULT_POLICIES = (
    Policy("sessions", quota=120, window_s=60),
    Policy("read", quota=600, window_s=60),
    Policy("write", quota=240, window_s=60),
    Policy("interactions", quota=240, window_s=60),
    Policy("create_upload", quota=30, window_s=600),
    Policy("upload", quota=1200, window_s=60),
)
"""One per route class (`edge.gateway.route_class`); a class without a policy is not limited."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    public_url: str
    """Scheme and authority that clients see, such as `https://localhost:8443`."""
    media_url: str
    """What playback URLs begin with; its origin is allowed by the content security policy."""
    site_folder: Path | None = None
    """`edge/web`: `app/`, `vendor.json`, `node_modules/`. None: the API alone."""
    policies: tuple[Policy, ...] = DEFAULT_POLICIES
    json_body_bytes: int = 1 << 20
    """Largest body of a JSON call; 500 interactions take about 150 kB."""
    upload_body_bytes: int = 256 << 20
    """Largest body of one request to an upload resource."""
    request_timeout_s: float = 30.0
    """For a JSON body to arrive, and for an answer to be taken by the client."""
    deadline_s: float = 30.0
    """For a whole call but an upload: what it asks of other roles gets no more than what is left of this."""
    event_streams: int = 1000
    """Most server-sent event streams at once in this process."""
    event_streams_each: int = 20
    """Of one user, or one address without a token: a page watches the few uploads it has going."""
    event_heartbeat_s: float = 15.0
    """A comment line is sent after so long without an event, so that proxies keep the stream open."""
    event_stream_s: float = 900.0
    """Longest life of one event stream; the client opens another."""
