"""One request: the ASGI application on one side, its stream on the other."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from edge.asgi import AsgiApp, Message, Scope
from edge.http3.body import BodyState, RequestBody
from edge.http3.fields import Fields, RequestHead
from edge.http3.response import Progress, Response, SendBytes, SendFields

logger = logging.getLogger(__name__)

CONTINUE: Fields = [(b":status", b"100")]
FAILURE_BODY = b"Internal Server Error"


class ClientDisconnected(OSError):
    """Raised from `send` once the client is gone, as ASGI 2.4 asks."""


class RequestStream(Protocol):
    """What an exchange needs from its connection. Nothing here blocks but `wait_room`."""

    def send_fields(self, fields: Fields, *, end: bool) -> None:
        """Write a HEADERS frame. Raises ClientDisconnected if the stream takes no more."""

    def send_bytes(self, data: bytes, *, end: bool) -> None:
        """Write a DATA frame, with FIN if `end`. Raises ClientDisconnected if the stream takes no more."""

    async def wait_room(self) -> None:
        """Return when a chunk may be written. Raises ClientDisconnected if the stream takes no more."""

    def body_was_read(self) -> None:
        """The application consumed body bytes: credit may be due."""

    def response_sent(self) -> None:
        """The response is whole; whatever the application does from here on concerns nobody."""

    def default_fields(self) -> Fields:
        """Fields a response has unless its application set them (Date)."""


class Exchange:
    """Runs the application for one request.

    The connection feeds it (`body`, `body_changed`, `disconnect`) and looks at `response_complete` when `run`
    returns: False means that the stream must be reset.
    """

    def __init__(self, app: AsgiApp, scope: Scope, head: RequestHead, stream: RequestStream, chunk: int) -> None:
        self.body = RequestBody(head.content_length)
        self.scope = scope
        self.waiting_for_body_since_s: float | None = None
        """Set while the application waits in `receive` for body bytes (event-loop time)."""
        self.failed = False
        """The application raised or broke the ASGI rules."""
        self._app = app
        self._stream = stream
        self._chunk = chunk
        self._response = Response(head.method)
        self._continue_due = head.expects_continue
        self._body_delivered = False
        self._gone = False
        self._changed = asyncio.Event()

    @property
    def response_complete(self) -> bool:
        return self._response.progress is Progress.COMPLETE

    def body_changed(self) -> None:
        """Body bytes or the end arrived."""
        self._changed.set()

    def disconnect(self) -> None:
        """The client is gone: `receive` says so from now on, and `send` raises."""
        self._gone = True
        self.body.break_off()
        self._changed.set()

    async def run(self) -> None:
        """Call the application; never raises but CancelledError."""
        try:
            await self._app(self.scope, self._receive, self._send)
        except ClientDisconnected:
            pass
        except Exception:
            logger.exception("ASGI application failed", extra={"path": self.scope["path"]})
            self._answer_failure()
        else:
            if not self.response_complete and not self._gone:
                logger.error("ASGI application left its response open", extra={"path": self.scope["path"]})
                self._answer_failure()

    def _answer_failure(self) -> None:
        self.failed = True
        if self._response.progress is not Progress.EXPECTED or self._gone:
            return
        start = {
            "type": "http.response.start",
            "status": 500,
            "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(FAILURE_BODY))],
        }
        try:
            for message in (start, {"type": "http.response.body", "body": FAILURE_BODY}):
                for step in self._response.accept(message, self._stream.default_fields()):
                    if isinstance(step, SendFields):
                        self._stream.send_fields(step.fields, end=step.end)
                    else:
                        self._stream.send_bytes(step.data, end=step.end)
            self._stream.response_sent()
        except ClientDisconnected:
            self._gone = True

    async def _receive(self) -> Message:
        while not self._gone and not self.response_complete:
            if self.body.readable and not self._body_delivered:
                data, more = self.body.read()
                self._body_delivered = not more
                self._stream.body_was_read()
                message: Message = {"type": "http.request", "body": data, "more_body": more}
                return message if more else {**message, "trailers": self.body.trailers}
            self._invite_body()
            self._changed.clear()
            if not self._body_delivered:
                self.waiting_for_body_since_s = asyncio.get_running_loop().time()
            try:
                await self._changed.wait()
            finally:
                self.waiting_for_body_since_s = None
        return {"type": "http.disconnect"}

    def _invite_body(self) -> None:
        """An application that reads wants the body: `Expect: 100-continue` (RFC 9110 10.1.1)."""
        unanswered = self._response.progress is Progress.EXPECTED
        if self._continue_due and unanswered and self.body.state is BodyState.OPEN:
            self._stream.send_fields(CONTINUE, end=False)
        self._continue_due = False

    async def _send(self, message: Message) -> None:
        if self._gone:
            raise ClientDisconnected("the client is gone")
        for step in self._response.accept(message, self._stream.default_fields()):
            match step:
                case SendFields(fields, end):
                    self._stream.send_fields(fields, end=end)
                case SendBytes(data, end):
                    await self._send_body(data, end=end)
        if self.response_complete:
            self._stream.response_sent()
            self._changed.set()

    async def _send_body(self, data: bytes, *, end: bool) -> None:
        if len(data) <= self._chunk:
            await self._stream.wait_room()
            self._stream.send_bytes(bytes(data), end=end)
            return
        view = memoryview(data)
        for start in range(0, len(view), self._chunk):
            await self._stream.wait_room()
            stop = start + self._chunk
            self._stream.send_bytes(bytes(view[start:stop]), end=end and stop >= len(view))


def http_scope(head: RequestHead, client: tuple[str, int], server: tuple[str, int]) -> Scope:
    """The ASGI 3 connection scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "3",
        "method": head.method,
        "scheme": "https",
        "path": head.path,
        "raw_path": head.raw_path,
        "query_string": head.query,
        "root_path": "",
        "headers": head.headers,
        "client": client,
        "server": server,
        "extensions": {"http.response.informational": {}, "http.response.trailers": {}, "http.request.trailers": {}},
    }
