"""Which addresses the roles of one process listen on. Rules file."""

from __future__ import annotations

from collections.abc import Mapping

from deploy.roles import EVERY_ROLE, Role
from deploy.setting_forms import Bind
from deploy.settings import Settings

_SERVED: Mapping[Role, str] = {
    Role.GATEWAY: "gateway_bind",
    Role.EDGE: "edge_bind",
    Role.ORIGIN: "origin_bind",
}
_CALLED: Mapping[Role, str] = {
    Role.ORIGIN: "origin_grpc_bind",
    Role.FEED: "feed_grpc_bind",
    Role.SCORER: "scorer_grpc_bind",
}


def served_on(roles: frozenset[Role], settings: Settings) -> tuple[Bind, ...]:
    """For HTTP."""
    return _addresses(_SERVED, roles, settings)


def called_on(roles: frozenset[Role], settings: Settings) -> tuple[Bind, ...]:
    """For gRPC; none where every role is in the process."""
    return () if roles == EVERY_ROLE else _addresses(_CALLED, roles, settings)


def _addresses(names: Mapping[Role, str], roles: frozenset[Role], settings: Settings) -> tuple[Bind, ...]:
    return tuple(getattr(settings, name) for role, name in names.items() if role in roles)
