"""The public address in one process: media for `/p/` and `/v/`, the API and the web app for the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

AsgiApp = Callable[..., Awaitable[None]]
MEDIA_PREFIXES = ("/p/", "/v/")


def front(gateway: AsgiApp, edge: AsgiApp) -> AsgiApp:
    """One ASGI app over both, so that a viewer's browser needs a single connection."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        media = scope["type"] == "http" and scope["path"].startswith(MEDIA_PREFIXES)
        await (edge if media else gateway)(scope, receive, send)

    return app
