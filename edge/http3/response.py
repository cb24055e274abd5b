"""Rules: from an application's ASGI messages to what goes on the stream (RFC 9114 4.1, RFC 9110 6.4, 15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from edge.http3.fields import CONNECTION_FIELDS, FIELD_NAME, FIELD_VALUE, Fields


class BrokenResponse(Exception):
    """The application broke the ASGI rules or its own content-length."""


class Progress(Enum):
    EXPECTED = auto()
    STARTED = auto()
    TRAILERS_EXPECTED = auto()
    COMPLETE = auto()


@dataclass(frozen=True, slots=True)
class SendFields:
    """A HEADERS frame, with FIN if `end`."""

    fields: Fields
    end: bool


@dataclass(frozen=True, slots=True)
class SendBytes:
    """DATA frames, with FIN after the last if `end`."""

    data: bytes
    end: bool


Step = SendFields | SendBytes


class Response:
    """The state of one response. `accept` says what to send; nothing is sent here."""

    __slots__ = ("_bodyless", "_declared", "_head_only", "_sent", "_trailers", "progress")

    def __init__(self, method: str) -> None:
        self.progress = Progress.EXPECTED
        self._head_only = method == "HEAD"
        self._bodyless = False
        self._declared: int | None = None
        self._sent = 0
        self._trailers = False

    def accept(self, message: Mapping[str, Any], default_fields: Fields) -> list[Step]:
        """Take one message. `default_fields` are added to the final head unless the application set them.

        Raises BrokenResponse for a message out of turn, a bad field or a body that denies its content-length.
        """
        kind = message["type"]
        if kind == "http.response.start":
            return self._start(message, default_fields)
        if kind == "http.response.body":
            return self._body(message)
        if kind == "http.response.trailers":
            return self._end_trailers(message)
        if kind == "http.response.informational":
            return self._informational(message)
        raise BrokenResponse(f"unknown message {kind!r}")

    def _informational(self, message: Mapping[str, Any]) -> list[Step]:
        self._expect(Progress.EXPECTED, "informational")
        status = int(message["status"])
        if not 100 <= status <= 199 or status == 101:
            raise BrokenResponse(f"{status} is no interim status of HTTP/3 (RFC 9114 4.5)")
        return [SendFields(_head(status, message.get("headers", ())), end=False)]

    def _start(self, message: Mapping[str, Any], default_fields: Fields) -> list[Step]:
        self._expect(Progress.EXPECTED, "start")
        status = int(message["status"])
        if not 200 <= status <= 999:
            raise BrokenResponse(f"{status} is no final status")
        fields = _head(status, message.get("headers", ()))
        names = {name for name, _ in fields}
        fields += [(name, value) for name, value in default_fields if name not in names]
        self._declared = _declared_length(fields)
        self._bodyless = self._head_only or status in (204, 304)
        self._trailers = bool(message.get("trailers", False)) and not self._bodyless
        self.progress = Progress.STARTED
        return [SendFields(fields, end=self._bodyless)]

    def _body(self, message: Mapping[str, Any]) -> list[Step]:
        if self.progress is not Progress.STARTED:
            raise BrokenResponse("body out of turn")
        data = message.get("body", b"")
        ended = not message.get("more_body", False)
        if self._bodyless:
            self.progress = Progress.COMPLETE if ended else Progress.STARTED
            return []
        self._count(len(data), ended=ended)
        if ended:
            self.progress = Progress.TRAILERS_EXPECTED if self._trailers else Progress.COMPLETE
        fin = self.progress is Progress.COMPLETE
        return [SendBytes(data, end=fin)] if data or fin else []

    def _count(self, size: int, *, ended: bool) -> None:
        self._sent += size
        if self._declared is None:
            return
        if self._sent > self._declared or (ended and self._sent != self._declared):
            raise BrokenResponse(f"body of {self._sent} bytes denies content-length {self._declared}")

    def _end_trailers(self, message: Mapping[str, Any]) -> list[Step]:
        self._expect(Progress.TRAILERS_EXPECTED, "trailers")
        if message.get("more_trailers", False):
            raise BrokenResponse("trailers come in one message")
        self.progress = Progress.COMPLETE
        fields = _checked(message.get("headers", ()))
        return [SendFields(fields, end=True)] if fields else [SendBytes(b"", end=True)]

    def _expect(self, progress: Progress, what: str) -> None:
        if self.progress is not progress:
            raise BrokenResponse(f"{what} out of turn")


def _head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    return [(b":status", str(status).encode("ascii")), *_checked(headers)]


def _checked(headers: Iterable[tuple[bytes, bytes]]) -> Fields:
    fields: Fields = []
    for raw_name, raw_value in headers:
        name, value = bytes(raw_name).lower(), bytes(raw_value).strip(b" \t")
        if FIELD_NAME.fullmatch(name) is None or FIELD_VALUE.fullmatch(value) is None:
            raise BrokenResponse(f"header {name!r} has forbidden characters")
        # Applications written for HTTP/1.1 set these; HTTP/3 forbids them (RFC 9114 4.2).
        if name not in CONNECTION_FIELDS:
            fields.append((name, value))
    return fields


def _declared_length(fields: Fields) -> int | None:
    lengths = {value for name, value in fields if name == b"content-length"}
    if not lengths:
        return None
    (length,) = lengths if len(lengths) == 1 else (b"",)
    if not length.isdigit():
        raise BrokenResponse("content-length is no single number")
    return int(length)
