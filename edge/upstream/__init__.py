"""The upstream port: `open_upstream(url)` and the words of its contract."""

from __future__ import annotations

from urllib.parse import urlsplit

from edge.asgi import AsgiApp
from edge.upstream.base import (
    Upstream,
    UpstreamBroken,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamTimedOut,
    UpstreamUnreachable,
)
from edge.upstream.http import HttpLimits, HttpUpstream
from edge.upstream.inprocess import InProcessUpstream

__all__ = [
    "HttpLimits",
    "Upstream",
    "UpstreamBroken",
    "UpstreamError",
    "UpstreamRequest",
    "UpstreamResponse",
    "UpstreamTimedOut",
    "UpstreamUnreachable",
    "open_upstream",
]


def open_upstream(url: str, limits: HttpLimits | None = None, app: AsgiApp | None = None) -> Upstream:
    """Open `http://host:port` or `https://host:port`, or `inprocess:` with the ASGI application to call.

    Raises ValueError for any other form.
    """
    parts = urlsplit(url)
    if parts.scheme == "inprocess" and app is not None:
        return InProcessUpstream(app)
    if parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/") and not parts.query:
        return HttpUpstream(url, limits or HttpLimits())
    raise ValueError(
        f"{url!r} does not name an upstream: http://host:port, https://host:port or inprocess: with an app"
    )
