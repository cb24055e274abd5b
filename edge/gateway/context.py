"""What the shell learned about a request before any route sees it; carried in the ASGI scope."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

_KEY = "reelway.context"
MODERATE = "reelway:moderate"
"""The scope of those who decide about clips that wait for review."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a verified token."""

    user_id: int
    expires_at_ms: int
    scopes: frozenset[str] = frozenset()
    """What the token allows beside what everybody may (the claim `scope`, RFC 9068 section 2.2.3)."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    request_id: str
    principal: Principal | None
    """None: no token was sent. A bad one never comes this far."""
    route_class: str


def attach(scope: MutableMapping[str, Any], context: RequestContext) -> None:
    scope[_KEY] = context


def context_of(scope: Mapping[str, Any]) -> RequestContext:
    """The context of a request that came through the gateway's shell; KeyError otherwise."""
    context: RequestContext = scope[_KEY]
    return context


def found(scope: Mapping[str, Any]) -> RequestContext | None:
    """The context, or None for a request that was refused before it had one."""
    return scope.get(_KEY)
