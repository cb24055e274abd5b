"""Header fields that every answer gets: security, CORS, request ids. Rules file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

Fields = tuple[tuple[str, str], ...]
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_ALLOWED = (
    "Authorization, Content-Type, Last-Event-ID, X-Request-Id, X-HTTP-Method-Override, Tus-Resumable, "
    "Upload-Length, Upload-Defer-Length, Upload-Offset, Upload-Metadata, Upload-Checksum, Upload-Concat, "
    "Upload-Complete, Upload-Incomplete, Upload-Draft-Interop-Version, Content-Digest, Repr-Digest, Reelway-Description"
)
_EXPOSED = (
    "Location, ETag, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, Reelway-Video-Id, Tus-Version, "
    "Tus-Resumable, Tus-Max-Size, Tus-Extension, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, "
    "Upload-Expires, Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Complete, Upload-Incomplete, "
    "Upload-Limit, Upload-Draft-Interop-Version, Want-Content-Digest"
)


def accepted_request_id(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """The client's `X-Request-Id` when it is well formed: it lands in logs and events."""
    values = [value for name, value in headers if name == b"x-request-id"]
    if len(values) == 1 and _REQUEST_ID.fullmatch(values[0]):
        return values[0].decode()
    return None


def is_api(path: str) -> bool:
    return path.startswith("/v1/") or path == "/openapi.json"


def of_api(public_url: str) -> Fields:
    """For every answer of the API."""
    return (*_security("default-src 'none'; frame-ancestors 'none'", public_url), *CORS)


def of_app(public_url: str, media_url: str) -> Fields:
    """For every file of the web app: no inline script or style, and media from the edge alone."""
    return _security(_app_policy(media_url), public_url)


def of_request(path: str, headers: Sequence[tuple[bytes, bytes]]) -> Sequence[tuple[bytes, bytes]]:
    """For the answers to a tus client: each names the protocol's version, whoever refuses (tus 1.0.0)."""
    is_tus = path.startswith("/v1/uploads") and any(name == b"tus-resumable" for name, _ in headers)
    return ((b"tus-resumable", b"1.0.0"),) if is_tus else ()


def _security(policy: str, public_url: str) -> Fields:
    fields = (
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        # The app records clips with the camera; nothing else of a page's powers is used.
        ("Permissions-Policy", "camera=(self), microphone=(self), geolocation=(), payment=(), usb=()"),
    )
    if urlsplit(public_url).hostname in _LOCAL_HOSTS:
        # Told once, a browser would refuse every plain-HTTP server on localhost for a year.
        return fields
    return (*fields, ("Strict-Transport-Security", "max-age=31536000"))


def _app_policy(media_url: str) -> str:
    parts = urlsplit(media_url)
    media = f"{parts.scheme}://{parts.netloc}"
    return (
        f"default-src 'self'; img-src 'self' blob: data: {media}; media-src 'self' blob: data: {media}; "
        f"connect-src 'self' {media}; worker-src 'self' blob:; style-src 'self'; script-src 'self'; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    )


CORS: Fields = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", _EXPOSED))
"""For every answer of the API. Any origin may call it: a call's rights lie in its bearer token, never in a cookie."""

PREFLIGHT: Fields = (
    ("Access-Control-Allow-Methods", _METHODS),
    ("Access-Control-Allow-Headers", _ALLOWED),
    ("Access-Control-Max-Age", "86400"),
)


def is_preflight(method: str, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """A CORS preflight, and not the `OPTIONS` with which an upload client asks for the server's abilities."""
    names = {name for name, _ in headers}
    return method == "OPTIONS" and b"origin" in names and b"access-control-request-method" in names
