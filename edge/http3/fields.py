"""Rules: a request's field section, read into a request head (RFC 9114 4.2, 4.3; RFC 9110 5, 7, 8.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

Fields = list[tuple[bytes, bytes]]

FIELD_OVERHEAD_BYTES = 32
"""RFC 9114 4.2.2: what a field counts beyond its name and value."""

PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path"))
CONNECTION_FIELDS = frozenset((b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"))
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FIELD_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
FIELD_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?")
AUTHORITY = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]+)(?::[0-9]{1,5})?")
PATH = re.compile(rb"/[!-~]*")
DIGITS = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A well-formed request, without its body."""

    method: str
    path: str
    """Percent-decoded, without the query."""
    raw_path: bytes
    query: bytes
    headers: Fields
    """As ASGI wants them: lower-case names, `host` first and from :authority, cookies joined."""
    content_length: int | None
    expects_continue: bool


@dataclass(frozen=True, slots=True)
class Malformed:
    """A stream error of type H3_MESSAGE_ERROR (RFC 9114 4.1.2)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """A well-formed request that is answered without asking the application."""

    status: int
    reason: str


Verdict = RequestHead | Malformed | Unacceptable


class _Malformed(Exception):
    """Leaves the checks below; never this file."""


def section_bytes(fields: Fields) -> int:
    """Size of a field section as RFC 9114 4.2.2 counts it."""
    return sum(len(name) + len(value) + FIELD_OVERHEAD_BYTES for name, value in fields)


def with_authority(fields: Fields) -> Fields:
    """A request section that names its host by `host` alone, which RFC 9114 4.3.1 allows, with :authority too."""
    names = {name for name, _ in fields}
    if b":method" not in names or b":authority" in names:
        return fields
    return [*((b":authority", value) for name, value in fields if name == b"host"), *fields]


def read_request(fields: Fields, *, max_bytes: int, max_count: int) -> Verdict:
    """Read a request's header section; never raises."""
    if len(fields) > max_count:
        return Unacceptable(431, "too many header fields")
    if section_bytes(fields) > max_bytes:
        return Unacceptable(431, "header section too large")
    try:
        pseudo, regular = _split(fields)
        return _head(pseudo, regular)
    except _Malformed as error:
        return Malformed(str(error))


def _split(fields: Fields) -> tuple[dict[bytes, bytes], Fields]:
    pseudo: dict[bytes, bytes] = {}
    regular: Fields = []
    for name, value in fields:
        if FIELD_VALUE.fullmatch(value) is None:
            raise _Malformed("a field value has forbidden characters")
        if not name.startswith(b":"):
            regular.append((name, _checked_regular(name, value)))
            continue
        if regular:
            raise _Malformed("a pseudo-header follows a regular field")
        if name not in PSEUDO or name in pseudo:
            raise _Malformed("a pseudo-header is unknown or repeated")
        pseudo[name] = value
    return pseudo, regular


def _checked_regular(name: bytes, value: bytes) -> bytes:
    if FIELD_NAME.fullmatch(name) is None:
        raise _Malformed("a field name has forbidden characters")
    if name in CONNECTION_FIELDS:
        raise _Malformed("a field is connection-specific")
    if name == b"te" and value.lower() != b"trailers":
        raise _Malformed("te is not trailers")
    return value


def _head(pseudo: dict[bytes, bytes], regular: Fields) -> Verdict:
    method = pseudo.get(b":method", b"")
    if TOKEN.fullmatch(method) is None:
        raise _Malformed(":method is missing or no token")
    if method == b"CONNECT":
        return Unacceptable(501, "CONNECT is not served")
    if not pseudo.get(b":scheme") or not pseudo.get(b":path"):
        raise _Malformed(":scheme or :path is missing")
    authority = _authority(pseudo.get(b":authority"), regular)
    if pseudo[b":scheme"].lower() != b"https":
        return Unacceptable(421, "only https is served")
    raw_path, _, query = pseudo[b":path"].partition(b"?")
    server_wide = raw_path == b"*" and method == b"OPTIONS"
    return RequestHead(
        method=method.decode("ascii"),
        path="*" if server_wide else _decoded_path(raw_path, query),
        raw_path=raw_path,
        query=query,
        headers=[(b"host", authority), *_for_asgi(regular)],
        content_length=_content_length(regular),
        expects_continue=any(n == b"expect" and v.lower() == b"100-continue" for n, v in regular),
    )


def _authority(authority: bytes | None, regular: Fields) -> bytes:
    hosts = {value for name, value in regular if name == b"host"}
    if authority is None and len(hosts) == 1:
        (authority,) = hosts
    if authority is None or hosts - {authority}:
        raise _Malformed(":authority is missing or differs from host")
    if AUTHORITY.fullmatch(authority) is None:
        raise _Malformed(":authority is no host and port")
    return authority


def _decoded_path(raw_path: bytes, query: bytes) -> str:
    if PATH.fullmatch(raw_path) is None or b"#" in raw_path or b"#" in query:
        raise _Malformed(":path is no absolute path")
    if any(octet <= 0x20 or octet >= 0x7F for octet in query):
        raise _Malformed(":path has forbidden characters")
    try:
        return unquote_to_bytes(raw_path).decode("utf-8")
    except UnicodeDecodeError:
        raise _Malformed(":path is no UTF-8") from None


def _content_length(regular: Fields) -> int | None:
    lengths = {value for name, value in regular if name == b"content-length"}
    if not lengths:
        return None
    if len(lengths) > 1:
        raise _Malformed("content-length values differ")
    (length,) = lengths
    if DIGITS.fullmatch(length) is None:
        raise _Malformed("content-length is no number")
    return int(length)


def _for_asgi(regular: Fields) -> Fields:
    """Cookie crumbs become one field (RFC 9114 4.2.1), as applications expect from HTTP/1.1."""
    cookies = [value for name, value in regular if name == b"cookie"]
    kept = [(name, value) for name, value in regular if name not in (b"host", b"cookie")]
    return [*kept, (b"cookie", b"; ".join(cookies))] if cookies else kept
