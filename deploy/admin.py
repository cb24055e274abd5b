"""The admin port of a process: health, metrics, purges, draining. Never on a public address.

It asks for no password, so it must not do what a web page in an operator's browser asks for. A browser tells that a
page asks by `Origin` or `Sec-Fetch-Site` (Fetch standard); a page that made its own name resolve to this address (DNS
rebinding) is known by that name in `Host`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit

from quart import Quart, Response, jsonify, request

from deploy.telemetry import StatsSources, exposition
from edge.cache.invalidation import BadPurge, Purge
from edge.purge import read_purge

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked for by orchestrators and scrapers under whatever name a service has."""


class MediaCache(Protocol):
    """What the admin port asks of the edge in this process."""

    async def purge(self, purge: Purge) -> int:
        """Returns how many entries were dropped or made stale here."""

    def summary(self) -> Mapping[str, Any]:
        """Entries, bytes, hit ratio…, as JSON values."""


@dataclass(frozen=True, slots=True)
class AdminParts:
    waiting_for: Mapping[str, str]
    """What keeps the process from being ready: name → sentence; empty when it is ready."""
    degraded: Mapping[str, str]
    """Engines that are away from a process that serves all the same: setting → sentence."""
    stats: StatsSources
    cache: Callable[[], MediaCache | None]
    """None where the process has no edge, or not yet."""
    drain: Callable[[], Awaitable[None]]
    config: Mapping[str, str]
    """Settings with secrets masked."""
    host: str
    """What the port is bound to, and so a name it is rightly called by; addresses and localhost always are."""


def create_admin(parts: AdminParts) -> Quart:
    """The admin app over its parts."""
    app = Quart("reelway.admin")

    @app.before_request
    async def refuse_pages() -> tuple[Response, int] | None:
        if _asked_by_a_page():
            return _problem("from_a_web_page", "the admin port answers tools, not web pages"), 403
        if request.path not in PROBES and not _is_called_rightly(request.host, parts.host):
            return _problem("unknown_host", "call the admin port by its address, or as localhost"), 403
        return None

    _add_health(app, parts)
    _add_cache(app, parts)

    @app.errorhandler(404)
    async def no_such_address(_: Exception) -> tuple[Response, int]:
        return _problem("not_found", "GET /livez, /readyz, /metrics, /cache, /config; POST /purge, /drain"), 404

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(exposition(parts.stats), content_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/config")
    async def config() -> Response:
        return jsonify(dict(parts.config))

    @app.post("/drain")
    async def drain() -> tuple[Response, int]:
        await parts.drain()
        return jsonify({"draining": True}), 202

    return app


def _add_health(app: Quart, parts: AdminParts) -> None:
    @app.get("/livez")
    async def livez() -> Response:
        return jsonify({"live": True})

    @app.get("/readyz")
    async def readyz() -> tuple[Response, int]:
        waiting = dict(parts.waiting_for)
        answer = {"ready": not waiting, "waiting_for": waiting, "degraded": dict(parts.degraded)}
        return jsonify(answer), 503 if waiting else 200


def _add_cache(app: Quart, parts: AdminParts) -> None:
    @app.get("/cache")
    async def cache() -> tuple[Response, int]:
        if (edge := parts.cache()) is None:
            return _problem("no_edge", "this process has no edge role, so it has no cache"), 404
        return jsonify(dict(edge.summary())), 200

    @app.post("/purge")
    async def purge() -> tuple[Response, int]:
        if (edge := parts.cache()) is None:
            return _problem("no_edge", "this process has no edge role, so it has no cache"), 404
        try:
            document = await request.get_json(force=True, silent=True)
            wanted = read_purge(document if isinstance(document, dict) else {})
        except RecursionError:
            return _problem("bad_purge", "the body is nested too deeply"), 400
        except BadPurge as error:
            return _problem("bad_purge", str(error)), 400
        return jsonify({"purged": await edge.purge(wanted)}), 200


def _asked_by_a_page() -> bool:
    return "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") != "none"


def _is_called_rightly(authority: str, bound: str) -> bool:
    try:
        name = urlsplit(f"//{authority}").hostname or ""
        return name in ("localhost", bound.lower()) or bool(ip_address(name))
    except ValueError:
        return False


def _problem(code: str, detail: str) -> Response:
    response = jsonify({"code": code, "title": code.replace("_", " "), "detail": detail})
    response.content_type = "application/problem+json"
    return response
