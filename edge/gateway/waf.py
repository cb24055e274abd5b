"""Request filtering before any route: what no client of this API ever sends is refused here. Rules file.

This is a small allow-list with a closed list of reasons, not a rule set against injection such as the OWASP CRS:
the routes parse their input strictly, and a web application firewall can still stand in front.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from edge.gateway.problems import Problem

Headers = Sequence[tuple[bytes, bytes]]


class Reason(StrEnum):
    METHOD = "method_not_allowed"
    """The method is none that any route takes."""
    TARGET_TOO_LONG = "target_too_long"
    PATH_TRAVERSAL = "path_traversal"
    """No slash at the beginning, an empty, `.` or `..` segment, a backslash, or a percent-encoded slash: two readers of
    the path, such as the rate limit and the routes, would take it for two things."""
    CONTROL_BYTES = "control_bytes"
    """A control byte in the path, the query or a header field, percent-encoded or not."""
    HEADER_COUNT = "too_many_headers"
    HEADER_SIZE = "headers_too_large"
    BODY_SIZE = "body_too_large"
    BODY_LENGTH = "bad_content_length"
    CONTENT_TYPE = "unsupported_media_type"
    TOKEN_IN_QUERY = "token_in_query"  # noqa: S105 - a reason's name


@dataclass(frozen=True, slots=True)
class Filter:
    """The bounds; the defaults leave room for every known client."""

    methods: frozenset[str] = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
    target_bytes: int = 4096
    header_count: int = 64
    header_bytes: int = 16384
    """All names and values together."""
    json_body_bytes: int = 1 << 20
    upload_body_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True)
class Passed:
    """Nothing to object to."""


@dataclass(frozen=True, slots=True)
class Blocked:
    reason: Reason
    detail: str


Verdict = Passed | Blocked
_QUERY_TOKENS = frozenset({b"access_token", b"token", b"jwt", b"authorization", b"bearer"})
_UPLOADS = ("/v1/uploads", "/v1/uploads/")
_CAPTIONS = re.compile(r"/v1/videos/[^/]+/captions/[^/]+")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


def inspect(method: str, path: str, raw_path: bytes, query: bytes, headers: Headers, rules: Filter) -> Verdict:
    """Judge a request by its head. `path` is percent-decoded, `raw_path` and `query` are as sent."""
    return (
        _method(method, rules)
        or _target(path, raw_path, query, rules)
        or _headers(headers, rules)
        or _body(method, path, headers, rules)
        or Passed()
    )


def is_upload(path: str) -> bool:
    """The resumable upload resources: they stream their bodies and judge content types themselves."""
    if path == _UPLOADS[0]:
        return True
    rest = path.removeprefix(_UPLOADS[1])
    return path != rest and "/" not in rest and rest != "direct"


def _method(method: str, rules: Filter) -> Blocked | None:
    if method in rules.methods:
        return None
    return Blocked(Reason.METHOD, f"The methods of this API are {', '.join(sorted(rules.methods))}.")


def _target(path: str, raw_path: bytes, query: bytes, rules: Filter) -> Blocked | None:
    if len(raw_path) + len(query) > rules.target_bytes:
        return Blocked(Reason.TARGET_TOO_LONG, f"Path and query have at most {rules.target_bytes} bytes.")
    if _has_control(unquote_to_bytes(raw_path)) or _has_control(unquote_to_bytes(query)):
        return Blocked(Reason.CONTROL_BYTES, "The path or query holds a control byte.")
    hidden = "\\" in path or "//" in path or b"%2f" in raw_path.lower()
    # A target in absolute form (`http://…`) is for proxies; the routes would find a path in it that we have not judged.
    if hidden or not path.startswith("/") or any(part in (".", "..") for part in path.split("/")):
        return Blocked(
            Reason.PATH_TRAVERSAL,
            "The path begins with a slash and has no `.`, `..` or empty segments, nor hidden slashes.",
        )
    names = {pair.partition(b"=")[0].lower() for pair in query.split(b"&")}
    if names & _QUERY_TOKENS:
        return Blocked(Reason.TOKEN_IN_QUERY, "A token belongs in the Authorization field: queries end up in logs.")
    return None


def _headers(headers: Headers, rules: Filter) -> Blocked | None:
    if len(headers) > rules.header_count:
        return Blocked(Reason.HEADER_COUNT, f"At most {rules.header_count} header fields are taken.")
    if sum(len(name) + len(value) for name, value in headers) > rules.header_bytes:
        return Blocked(Reason.HEADER_SIZE, f"The header fields have at most {rules.header_bytes} bytes together.")
    if any(_has_control(value.replace(b"\t", b" ")) for _, value in headers):
        return Blocked(Reason.CONTROL_BYTES, "A header field holds a control byte.")
    return None


def _body(method: str, path: str, headers: Headers, rules: Filter) -> Blocked | None:
    lengths = {value.strip() for name, value in headers if name == b"content-length"}
    if len(lengths) > 1 or any(not value.isdigit() or len(value) > 15 for value in lengths):
        return Blocked(Reason.BODY_LENGTH, "Content-Length must be one whole number.")
    length = int(lengths.pop()) if lengths else None
    most = rules.upload_body_bytes if is_upload(path) else rules.json_body_bytes
    if length is not None and length > most:
        return Blocked(Reason.BODY_SIZE, f"The body has {length} bytes; at most {most} are taken here.")
    if is_upload(path) or method not in _BODY_METHODS or length == 0:
        return None
    return _content_type(headers, length, "text/vtt" if _CAPTIONS.fullmatch(path) else "application/json")


def _content_type(headers: Headers, length: int | None, taken: str) -> Blocked | None:
    kinds = [value for name, value in headers if name == b"content-type"]
    if not kinds and length is None:
        return None
    kind = kinds[0].partition(b";")[0].strip().lower() if len(kinds) == 1 else b""
    if kind == taken.encode():
        return None
    return Blocked(Reason.CONTENT_TYPE, f"The body must be sent with Content-Type: {taken}.")


def _has_control(value: bytes) -> bool:
    return _CONTROL.search(value) is not None


_ANSWERS: dict[Reason, tuple[int, str]] = {
    Reason.METHOD: (405, "Method not allowed"),
    Reason.TARGET_TOO_LONG: (414, "The address is too long"),
    Reason.PATH_TRAVERSAL: (400, "The path is not clean"),
    Reason.CONTROL_BYTES: (400, "Control bytes are not taken"),
    Reason.HEADER_COUNT: (431, "Too many header fields"),
    Reason.HEADER_SIZE: (431, "The header fields are too large"),
    Reason.BODY_SIZE: (413, "The body is too large"),
    Reason.BODY_LENGTH: (400, "Content-Length is not well formed"),
    Reason.CONTENT_TYPE: (415, "Unsupported media type"),
    Reason.TOKEN_IN_QUERY: (400, "Tokens are not taken from the query"),
}


def problem_of(blocked: Blocked, rules: Filter) -> Problem:
    """The answer for a blocked request."""
    status, title = _ANSWERS[blocked.reason]
    headers = (("Allow", ", ".join(sorted(rules.methods))),) if blocked.reason is Reason.METHOD else ()
    return Problem(status, blocked.reason.value, title, blocked.detail, headers=headers)
