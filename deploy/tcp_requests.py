"""What Hypercorn keeps from an app: interim responses (0.18 has 103 alone, and not over HTTP/1.1) and the trailers of a
request.

An app finds both as extensions of ASGI that are ours, the same as those of `edge.http3`:
`http.response.informational`, a message with `status` and `headers` before the response, and `http.request.trailers`:
the last `http.request` message then has `trailers`, a list of name and value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h11
from h2.events import RequestReceived, TrailersReceived
from hypercorn.protocol.events import Response
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream

from edge.asgi import AsgiApp, Message, Receive, Scope, Send

INFORMATIONAL, TRAILERS = "http.response.informational", "http.request.trailers"
Trailers = list[tuple[bytes, bytes]]


class _Http1(h11.Connection):
    """Remembers the trailers of the request that was read last."""

    trailers: Trailers = []  # noqa: RUF012  -- replaced whole, never changed

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.EndOfMessage):
            self.trailers = list(event.headers)
        return event


class _Http2:
    """An HTTP/2 connection that remembers the trailers of requests that wait for an answer."""

    def __init__(self, connection: Any, waits: Callable[[int], bool]) -> None:
        self._connection = connection
        self._waits = waits
        self.trailers: dict[int, Trailers] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def receive_data(self, data: bytes) -> Any:
        events = self._connection.receive_data(data)
        new = {event.stream_id for event in events if isinstance(event, RequestReceived)}
        for event in events:
            if isinstance(event, TrailersReceived) and (event.stream_id in new or self._waits(event.stream_id)):
                self.trailers[event.stream_id] = list(event.headers)
        return events


def keep_trailers(protocol: H11Protocol | H2Protocol) -> None:
    """Before the first byte of a connection is read."""
    if isinstance(protocol, H2Protocol):
        connection: Any = _Http2(protocol.connection, lambda stream_id: stream_id in protocol.streams)
        protocol.connection = connection
    else:
        protocol.connection = _Http1(h11.SERVER, max_incomplete_event_size=protocol.config.h11_max_incomplete_size)


def extended(app: AsgiApp) -> AsgiApp:
    """The app, offered the extensions."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        # Hypercorn hands an app the method of its stream.
        stream = getattr(send, "__self__", None)
        if not isinstance(stream, HTTPStream) or scope.get("http_version") == "1.0":
            # RFC 9110 section 15.2: nothing interim to a client of HTTP/1.0.
            await app(scope, receive, send)
            return
        request = _Request(stream, receive, send)
        try:
            await app({**scope, "extensions": {**scope["extensions"], **_EXTENSIONS}}, request.receive, request.send)
        finally:
            request.trailers()

    return serve


_EXTENSIONS: dict[str, dict[str, object]] = {INFORMATIONAL: {}, TRAILERS: {}}


class _Request:
    def __init__(self, stream: HTTPStream, receive: Receive, send: Send) -> None:
        self._stream = stream
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            return {**message, "trailers": self.trailers()}
        return message

    async def send(self, message: Message) -> None:
        if message["type"] != INFORMATIONAL:
            await self._send(message)
        elif self._stream.state is ASGIHTTPState.REQUEST and not self._stream.closed:
            headers = [(bytes(name), bytes(value)) for name, value in message["headers"]]
            await self._stream.send(Response(self._stream.stream_id, headers, message["status"]))

    def trailers(self) -> Trailers:
        """Of this request; forgotten by whoever asks."""
        protocol: Any = getattr(self._stream.send, "__self__", None)
        connection = getattr(protocol, "connection", None)
        if isinstance(connection, _Http1):
            return connection.trailers
        if isinstance(connection, _Http2):
            return connection.trailers.pop(self._stream.stream_id, [])
        return []
