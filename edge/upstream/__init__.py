"""The upstream port: `open_upstream(url)` and the words of its contract."""

from __future__ import annotations

from dataclasses import replace
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
from edge.upstream.several import SeveralUpstreams

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
    """Open `http://host:port[,host:port…]` or `https://host:port`, or `inprocess:` with the ASGI application to call.

    Raises ValueError for any other form.
    """
    parts = urlsplit(url)
    if parts.scheme == "inprocess" and app is not None:
        return InProcessUpstream(app)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError(
            f"{url!r} does not name an upstream: http://host:port[,host:port…], https://host:port or inprocess: "
            "with an app"
        )
    limits = limits or HttpLimits()
    bases = [f"{parts.scheme}://{each}" for each in parts.netloc.split(",") if each]
    if len(bases) == 1:
        return HttpUpstream(bases[0], limits)
    return SeveralUpstreams([HttpUpstream(base, replace(limits, answer_s=limits.turn_s)) for base in bases])
