"""From a stored response to the answer for one request: conditions, ranges, Age and Cache-Status. Rules only.

A reply's body is a sequence of pieces: literal bytes (the frames of a multipart) and spans of the stored
body.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from edge.cache import conditions, ranges
from edge.cache.headers import Headers, combined, without
from edge.cache.model import Request, Stored

CACHE_NAME = "reelway-edge"

_NOT_MODIFIED_DROPS = (b"content-length", b"content-type", b"content-encoding", b"content-language", b"content-range")


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, fields and the pieces of the body.

    `whole`: the body to its end, whose length may not be known yet.
    """

    status: int
    headers: Headers
    pieces: tuple[bytes | ranges.Span, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """What this cache did, for the Cache-Status field (RFC 9211). `forward` None means a hit."""

    forward: str | None = None
    forward_status: int | None = None
    ttl_s: int | None = None
    stored: bool = False
    collapsed: bool = False
    detail: str | None = None

    def text(self) -> str:
        """One member of the list, naming this cache."""
        parts = [CACHE_NAME, "hit" if self.forward is None else f"fwd={self.forward}"]
        if self.forward_status is not None:
            parts.append(f"fwd-status={self.forward_status}")
        if self.ttl_s is not None:
            parts.append(f"ttl={self.ttl_s}")
        parts += [name for name, true in (("stored", self.stored), ("collapsed", self.collapsed)) if true]
        if self.detail is not None:
            parts.append(f"detail={self.detail}")
        return "; ".join(parts)


def compose(request: Request, stored: Stored, now_ms: int, status: CacheStatus, *, aged: bool = True) -> Reply:
    """The answer.

    `aged`: say the response's age, as a cache must when it did not just validate it (RFC 9111 section 5.1).
    """
    fields = _fields(stored, now_ms, status, aged=aged)
    verdict = conditions.evaluate(request.headers, stored.status, stored.headers)
    if verdict == "not-modified":
        return Reply(304, without(fields, *_NOT_MODIFIED_DROPS))
    if verdict == "failed":
        return Reply(412, _framed(without(fields, *_NOT_MODIFIED_DROPS), 0))
    if stored.status == 200 and stored.length is not None:
        return _ranged(request, stored, fields, stored.length)
    return _entire(request, stored, fields)


def _fields(stored: Stored, now_ms: int, status: CacheStatus, *, aged: bool) -> Headers:
    dropped = (b"age", b"cache-status") if aged else (b"cache-status",)
    fields = without(stored.headers, *dropped)
    if aged:
        fields += ((b"age", b"%d" % (stored.age_ms(now_ms) // 1000)),)
    upstream = combined(stored.headers, b"cache-status")
    chain = f"{upstream}, {status.text()}" if upstream else status.text()
    return (*fields, (b"cache-status", chain.encode("latin-1")))


def _ranged(request: Request, stored: Stored, fields: Headers, length: int) -> Reply:
    fields = (*without(fields, b"accept-ranges"), (b"accept-ranges", b"bytes"))
    outcome: ranges.Outcome = ranges.Whole()
    # Only GET has ranges (section 14.2), and conditions came first (section 13.2.2).
    if request.method == "GET" and conditions.range_applies(request.headers, stored.headers):
        outcome = ranges.resolve(combined(request.headers, b"range"), length)
    match outcome:
        case ranges.Whole():
            return _entire(request, stored, fields)
        case ranges.Unsatisfiable():
            unsatisfied = (b"content-range", b"bytes */%d" % length)
            return Reply(416, (*_framed(without(fields, *_NOT_MODIFIED_DROPS), 0), unsatisfied))
        case ranges.Parts((only,)):
            span = (b"content-range", b"bytes %d-%d/%d" % (only.start, only.end - 1, length))
            return Reply(206, (*_framed(fields, only.end - only.start), span), (only,))
        case ranges.Parts(spans):
            return _multipart(stored, fields, spans, length)


def _entire(request: Request, stored: Stored, fields: Headers) -> Reply:
    if stored.length is not None and stored.status not in (204, 304):
        fields = _framed(fields, stored.length)
    body = request.method != "HEAD"
    return Reply(stored.status, fields, whole=body)


def _multipart(stored: Stored, fields: Headers, spans: tuple[ranges.Span, ...], length: int) -> Reply:
    content_type = combined(stored.headers, b"content-type")
    # The boundary depends on when the response came, so that its author could not have put it into the body.
    seed = f"{stored.key} {stored.variant} {stored.received_ms}"
    boundary = hashlib.sha256(seed.encode()).hexdigest()[:32]
    pieces: list[bytes | ranges.Span] = []
    for span in spans:
        lines = [f"--{boundary}", f"Content-Range: bytes {span.start}-{span.end - 1}/{length}"]
        if content_type is not None:
            lines.insert(1, f"Content-Type: {content_type}")
        opening = "\r\n".join([*lines, "", ""])
        pieces += [("\r\n" if pieces else "").encode() + opening.encode("latin-1"), span]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    size = sum(len(piece) if isinstance(piece, bytes) else piece.end - piece.start for piece in pieces)
    kind = (b"content-type", f"multipart/byteranges; boundary={boundary}".encode())
    return Reply(206, (*_framed(without(fields, b"content-type"), size), kind), tuple(pieces))


def _framed(fields: Headers, length: int) -> Headers:
    return (*without(fields, b"content-length"), (b"content-length", b"%d" % length))
