"""May this request have this path? Rules only: the shell hands in the request's fields and the ring of keys.

A token is looked for in the path (`/p/{token}/v/…`), the `CTA-Common-Access-Token` header, the cookie of that
name and the query parameter `cat`. The same token in several places is fine, two different ones are refused:
which of them a cache or a log would act on is exactly what an attacker would like to choose. The path that
comes out has no token in it; only that path goes further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from signer.canonical import BadPath, canonicalise
from signer.keys.base import KeyRing
from signer.token import HEADER, QUERY_PARAMETER, Reason, verify
from signer.token import Granted as TokenGranted

Code = Literal["bad_path", "not_found"] | Reason

MEDIA_PREFIX = "/v/"
_TOKEN_SEGMENT = b"/p/"
_HEADER = HEADER.lower().encode()
_COOKIE = HEADER.encode()
_MAX_QUERY_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Granted:
    """The canonical path to serve, beginning with `/v/`, without any token; `expires_s` is the token's end
    (epoch seconds). `private`: the token opens private videos too.
    """

    path: str
    expires_s: int
    private: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """HTTP status and stable problem code. 400 `bad_path` and 404 `not_found` depend on the request's
    spelling alone.
    """

    status: int
    code: Code


def admit(
    method: str,
    raw_path: bytes,
    query: bytes,
    headers: Sequence[tuple[bytes, bytes]],
    ring: KeyRing,
    now_ms: int,
) -> Granted | Refused:
    """Decide on a request.

    `headers` has lower-case names, as ASGI gives them; `now_ms` is epoch milliseconds.
    """
    segment, media_path = _split(raw_path)
    canonical = canonicalise(media_path)
    if isinstance(canonical, BadPath):
        return Refused(400, "bad_path")
    if not canonical.text.startswith(MEDIA_PREFIX):
        return Refused(404, "not_found")
    tokens = _tokens(segment, query, headers)
    if len(tokens) > 1:
        return Refused(403, "bad_signature")
    token = next(iter(tokens)).decode("latin-1") if tokens else None
    outcome = verify(token, canonical.text, method, ring, now_ms)
    if isinstance(outcome, TokenGranted):
        return Granted(canonical.text, outcome.claims.exp_s, outcome.claims.private)
    return Refused(outcome.status, outcome.reason)


def _split(raw_path: bytes) -> tuple[bytes | None, bytes]:
    """The token segment, if any, and the path after it."""
    if not raw_path.startswith(_TOKEN_SEGMENT):
        return None, raw_path
    token, slash, rest = raw_path[len(_TOKEN_SEGMENT) :].partition(b"/")
    return token, slash + rest


def _tokens(segment: bytes | None, query: bytes, headers: Sequence[tuple[bytes, bytes]]) -> set[bytes]:
    found = {segment} if segment is not None else set()
    for name, value in headers:
        if name == _HEADER:
            found.add(value.strip())
        elif name == b"cookie":
            found.update(_cookies(value))
    found.update(_query_tokens(query))
    return found


def _cookies(value: bytes) -> list[bytes]:
    pairs = (pair.strip().partition(b"=") for pair in value.split(b";"))
    return [token.strip(b'" ') for name, _, token in pairs if name == _COOKIE]


def _query_tokens(query: bytes) -> list[bytes]:
    if QUERY_PARAMETER.encode() not in query or len(query) > _MAX_QUERY_BYTES:
        return []
    pairs = parse_qsl(query, keep_blank_values=True)
    return [token for name, token in pairs if name == QUERY_PARAMETER.encode()]
