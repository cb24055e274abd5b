"""Preconditions and If-Range, in the order of RFC 9110 section 13.2.2. Rules only."""

from __future__ import annotations

import re
from typing import Literal

from edge.cache.headers import Headers, combined, first, parse_date

Verdict = Literal["proceed", "not-modified", "failed"]

_TAG = re.compile(r'(W/)?"[^"]*"')
_FIELDS = frozenset({b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"})
_CONDITIONAL_STATUSES = frozenset(range(200, 300))


def evaluate(request_headers: Headers, status: int, response_headers: Headers) -> Verdict:
    """What a GET or HEAD request's conditions make of a response that would be sent."""
    if status not in _CONDITIONAL_STATUSES or not any(name in _FIELDS for name, _ in request_headers):
        return "proceed"
    etag = first(response_headers, b"etag")
    date_s = parse_date(first(response_headers, b"date"))
    modified_s = parse_date(first(response_headers, b"last-modified"), date_s or 0)
    if _fails(request_headers, etag, modified_s, date_s or 0):
        return "failed"
    return "not-modified" if _is_known(request_headers, etag, modified_s, date_s) else "proceed"


def _fails(request: Headers, etag: bytes | None, modified_s: int | None, now_s: int) -> bool:
    if_match = combined(request, b"if-match")
    if if_match is not None:
        return if_match.strip() != "*" and not _listed(if_match, etag, strong=True)
    unmodified_s = parse_date(first(request, b"if-unmodified-since"), now_s)
    return unmodified_s is not None and modified_s is not None and modified_s > unmodified_s


def _is_known(request: Headers, etag: bytes | None, modified_s: int | None, date_s: int | None) -> bool:
    if_none_match = combined(request, b"if-none-match")
    if if_none_match is not None:
        return if_none_match.strip() == "*" or _listed(if_none_match, etag, strong=False)
    since_s = parse_date(first(request, b"if-modified-since"), date_s or 0)
    if since_s is None:
        return False
    # Without Last-Modified a cache compares with Date (RFC 9111 section 4.3.2).
    last_s = modified_s if modified_s is not None else date_s
    return last_s is not None and last_s <= since_s


def _listed(value: str, etag: bytes | None, *, strong: bool) -> bool:
    if etag is None:
        return False
    own = etag.decode("latin-1").strip()
    if strong:
        return not own.startswith("W/") and own in (tag.group() for tag in _TAG.finditer(value))
    return own.removeprefix("W/") in {tag.group().removeprefix("W/") for tag in _TAG.finditer(value)}


def range_applies(request_headers: Headers, response_headers: Headers) -> bool:
    """Whether If-Range lets the Range field count: no If-Range, the same strong tag, or exactly the same date
    (section 13.1.5).
    """
    value = first(request_headers, b"if-range")
    if value is None:
        return True
    text = value.strip()
    if text.endswith(b'"'):
        return not text.startswith(b"W/") and text == (first(response_headers, b"etag") or b"").strip()
    date_s = parse_date(first(response_headers, b"date"))
    asked_s = parse_date(text, date_s or 0)
    modified_s = parse_date(first(response_headers, b"last-modified"), date_s or 0)
    # A date is a strong validator only if it is at least a second older than the response (section 8.8.2.2).
    return asked_s is not None and asked_s == modified_s and date_s is not None and modified_s < date_s
