"""What stands before the apps of a listener: which app a path belongs to, requests of two lengths, and the date."""

from __future__ import annotations

from collections.abc import Callable

from edge.asgi import AsgiApp, Message, Receive, Scope, Send
from edge.cache.headers import format_date

MEDIA_PREFIXES = ("/p/", "/v/")


def front(gateway: AsgiApp, edge: AsgiApp) -> AsgiApp:
    """One ASGI app over both, so that a viewer's browser needs a single connection: media for `/p/` and `/v/`, the
    API and the web app for the rest."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        media = scope["type"] == "http" and scope["path"].startswith(MEDIA_PREFIXES)
        await (edge if media else gateway)(scope, receive, send)

    return app


def unambiguous(app: AsgiApp) -> AsgiApp:
    """Refuses a request that tells its length in two ways, and ends its connection (RFC 9112 section 6.1): a proxy
    before us may have believed the other, and take what follows for the body."""

    async def judging(scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope["headers"]} if scope["type"] == "http" else set()
        if {b"content-length", b"transfer-encoding"} <= names:
            fields = [(b"connection", b"close"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 400, "headers": fields})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    return judging


def dated(app: AsgiApp, clock: Callable[[], int]) -> AsgiApp:
    """Adds Date to answers that have none (RFC 9110 section 6.6.1). A server that always added it would double the
    one that a cache must keep."""

    async def dating(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = list(message.get("headers", ()))
                if all(bytes(name).lower() != b"date" for name, _ in fields):
                    message = {**message, "headers": [*fields, (b"date", format_date(clock() // 1000))]}
            await send(message)

        await app(scope, receive, sent if scope["type"] == "http" else send)

    return dating
