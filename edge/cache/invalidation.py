"""What a purge or an unsafe request makes invalid (RFC 9111 section 4.4). Rules only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from edge.cache.headers import Headers, first
from edge.cache.model import Request

PurgeKind = Literal["url", "prefix", "tag"]


class BadPurge(ValueError):
    """The purge names nothing that could be purged."""


@dataclass(frozen=True, slots=True)
class Purge:
    """Forget one key, every key under a path prefix that ends with `/`, or everything that carries a tag
    (Surrogate-Key).

    `soft`: treat it as stale instead, so that it may still stand in while it is revalidated.
    """

    kind: PurgeKind
    value: str
    soft: bool = False

    def __post_init__(self) -> None:
        if not self.value:
            raise BadPurge("a purge needs a value")
        if self.kind == "prefix" and not (self.value.startswith("/") and self.value.endswith("/")):
            raise BadPurge("a prefix begins and ends with a slash")

    def matches(self, key: str, tags: tuple[str, ...]) -> bool:
        """Whether it covers a response of that key with those tags."""
        if self.kind == "url":
            return key == self.value
        if self.kind == "prefix":
            return key.startswith(self.value)
        return self.value in tags


def invalidated_keys(request: Request, status: int, headers: Headers) -> tuple[str, ...]:
    """Keys that a response to an unsafe request makes invalid: its own, and Location and Content-Location of
    the same authority.
    """
    if not 200 <= status < 400:
        return ()
    authority = (first(request.headers, b"host") or b"").decode("latin-1")
    found = [request.key]
    for name in (b"location", b"content-location"):
        value = first(headers, name)
        if value is not None:
            found += _same_authority(request.target, value.decode("latin-1"), authority)
    return tuple(dict.fromkeys(found))


def _same_authority(target: str, reference: str, authority: str) -> list[str]:
    try:
        parts = urlsplit(urljoin(target, reference))
    except ValueError:
        return []
    if parts.netloc and parts.netloc != authority:
        return []
    return [parts.path + (f"?{parts.query}" if parts.query else "")]
