"""Signed media over ASGI: access, cache, answer. Routes and status codes of the media side are here only.

A raw ASGI callable and not a framework's application: it streams blocks as they come, adds microseconds to a
hit, and runs unchanged under every server that speaks ASGI. Administration (health, purge, metrics) is on
another port and not here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable
from urllib.parse import quote
from uuid import uuid4

from edge.access import Granted, Refused, admit
from edge.asgi import Receive, Scope, Send
from edge.cache.headers import Headers, combined, first, without
from edge.cache.key import acceptable_codings, media_key
from edge.cache.model import Request
from edge.cache.reply import CACHE_NAME
from edge.node.answer import Answer, NoAnswer
from edge.node.node import CacheNode
from origin.delivery import CREATOR, VIEWER
from signer.keys import KeyStore, KeyStoreError

METHODS = ("GET", "HEAD", "OPTIONS")

_EXPOSED = (
    b"Accept-Ranges",
    b"Age",
    b"Cache-Status",
    b"Content-Length",
    b"Content-Range",
    b"Date",
    b"ETag",
    b"Server-Timing",
    b"X-Request-Id",
)
_ALLOWED = (
    b"Cache-Control",
    b"CMCD-Object",
    b"CMCD-Request",
    b"CMCD-Session",
    b"CMCD-Status",
    b"CTA-Common-Access-Token",
    b"If-Modified-Since",
    b"If-None-Match",
    b"If-Range",
    b"Priority",
    b"Range",
)
_CORS: Headers = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b", ".join(_EXPOSED),
    ),
    (b"timing-allow-origin", b"*"),
    # A page that isolates itself (COEP) may still embed media from here.
    (b"cross-origin-resource-policy", b"cross-origin"),
)
_PREFLIGHT: Headers = (
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (
        b"access-control-allow-headers",
        b", ".join(_ALLOWED),
    ),
    (b"access-control-max-age", b"86400"),
    (b"allow", b"GET, HEAD, OPTIONS"),
)
# Everything else a client sends stays here: cookies and tokens are nobody's business upstream.
_FORWARDED = frozenset(
    {
        b"accept",
        b"cache-control",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"pragma",
        b"range",
    }
)
_INTERNAL = (b"surrogate-key", b"server", b"x-request-id")
_TITLES = {
    "no_token": "A token is needed",
    "expired": "The token has expired",
    "not_yet_valid": "The token is not valid yet",
    "bad_signature": "The token is not authentic",
    "wrong_path": "The token is for something else",
    "wrong_client": "The token is for another client",
    "revoked": "The token was called back",
    "replayed": "The token was used before",
    "bad_path": "The path cannot be read in one way",
    "not_found": "There is nothing here",
    "method_not_allowed": "Only GET, HEAD and OPTIONS are understood",
    "upstream_failed": "The origin did not answer",
    "upstream_timeout": "The origin did not answer in time",
    "unavailable": "This edge cannot check tokens now",
}
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")

logger = logging.getLogger(__name__)


class EdgeApp:
    """The media edge. `clock` gives epoch milliseconds."""

    def __init__(self, node: CacheNode, keys: KeyStore, clock: Callable[[], int]) -> None:
        self._node = node
        self._keys = keys
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope. Other types than `http` are refused, WebSockets in their own way."""
        if scope["type"] == "http":
            await self._serve(scope, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            raise ValueError(f"the media edge does not speak {scope['type']}")

    async def _serve(self, scope: Scope, send: Send) -> None:
        begin = asyncio.get_running_loop().time()
        request_id = _request_id(scope["headers"])
        method = scope["method"]
        if method == "OPTIONS":
            await _send_head(send, 204, (*_CORS, *_PREFLIGHT))
            await send({"type": "http.response.body", "body": b""})
            return
        if method not in METHODS:
            await self._refuse(send, method, Refused(405, "not_found"), request_id, "method_not_allowed")
            return
        try:
            ring = await self._keys.ring()
        except KeyStoreError:
            logger.exception("the keys cannot be read", extra={"request_id": request_id.decode()})
            await _send_problem(send, method, 503, "unavailable", request_id)
            return
        query: bytes = scope["query_string"]
        verdict = admit(method, _raw_path(scope), query, scope["headers"], ring, self._clock())
        if isinstance(verdict, Refused):
            await self._refuse(send, method, verdict, request_id, verdict.code)
            return
        await self._answer(send, method, verdict, scope["headers"], request_id, begin)

    async def _refuse(self, send: Send, method: str, refused: Refused, request_id: bytes, code: str) -> None:
        self._node.stats.refused += 1
        await _send_problem(send, method, refused.status, code, request_id)

    async def _answer(
        self,
        send: Send,
        method: str,
        granted: Granted,
        headers: list[tuple[bytes, bytes]],
        request_id: bytes,
        begin: float,
    ) -> None:
        request = _media_request(method, granted, headers, request_id)
        try:
            answer = await self._node.handle(request)
        except NoAnswer as error:
            logger.warning("no answer", extra={"request_id": request_id.decode(), "error": str(error)})
            code = "upstream_timeout" if error.status == 504 else "upstream_failed"
            await _send_problem(send, method, error.status, code, request_id)
            return
        try:
            elapsed_ms = (asyncio.get_running_loop().time() - begin) * 1000
            await _send_head(send, answer.status, _client_fields(answer, request_id, elapsed_ms))
            await self._send_body(send, method, answer)
        finally:
            await answer.aclose()

    async def _send_body(self, send: Send, method: str, answer: Answer) -> None:
        """Blocks as they come.

        An error in the middle is raised on, so that the server breaks the connection: never a short body.
        """
        if method != "HEAD":
            async for block in answer.blocks():
                self._node.stats.sent_bytes += len(block)
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _media_request(method: str, granted: Granted, headers: list[tuple[bytes, bytes]], request_id: bytes) -> Request:
    fields = [field for field in headers if field[0] in _FORWARDED]
    codings = combined(headers, b"accept-encoding")
    # gzip or nothing: one stored playlist for all that take gzip, one for the others.
    if codings is not None and "gzip" in acceptable_codings(codings):
        fields.append((b"accept-encoding", b"gzip"))
    fields.append((b"x-request-id", request_id))
    if granted.private:
        fields.append((VIEWER.encode(), CREATOR.encode()))
    return Request(method, media_key(granted.path), quote(granted.path, safe="/~!$&'()*+,;=:@"), tuple(fields))


def _client_fields(answer: Answer, request_id: bytes, elapsed_ms: float) -> Headers:
    timing = b"edge;dur=%.2f" % elapsed_ms
    return (
        *without(answer.headers, *_INTERNAL),
        *_CORS,
        (b"server-timing", timing),
        (b"x-request-id", request_id),
    )


def _request_id(headers: list[tuple[bytes, bytes]]) -> bytes:
    given = first(headers, b"x-request-id")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else uuid4().hex.encode()


def _raw_path(scope: Scope) -> bytes:
    raw: bytes | None = scope.get("raw_path")
    return quote(scope["path"]).encode() if raw is None else raw.partition(b"?")[0]


async def _send_problem(send: Send, method: str, status: int, code: str, request_id: bytes) -> None:
    """RFC 9457. Says nothing that depends on the object asked for."""
    problem = {"type": "about:blank", "title": _TITLES[code], "status": status, "code": code}
    body = json.dumps(problem).encode()
    fields: Headers = (
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"cache-status", f"{CACHE_NAME}; detail={code}".encode()),
        *_CORS,
        (b"x-request-id", request_id),
    )
    if status == 401:
        fields += ((b"www-authenticate", b"CTA-Common-Access-Token"),)
    if status == 405:
        fields += ((b"allow", ", ".join(METHODS).encode()),)
    if status == 503:
        fields += ((b"retry-after", b"1"),)
    await _send_head(send, status, fields)
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


async def _send_head(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
