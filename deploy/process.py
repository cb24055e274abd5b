"""One process: opens the engines, starts every role, listens, and on a signal drains and stops in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

from deploy import compose
from deploy.admin import AdminParts, create_admin
from deploy.clock import now_ms
from deploy.engines import CannotStart, claim_folder, open_engines
from deploy.front import front
from deploy.listen import GRACE_S, Listener, PortTaken, Tls
from deploy.settings import Bind, Settings, masked
from deploy.supervise import Supervisor
from deploy.telemetry import configure_logging
from deploy.tls import BadPair, check_pair, ensure_pair
from edge.gateway.issuers.local import BadKeyFile
from edge.gateway.site_files import BrokenSite
from origin.eventlog import EventLogError
from origin.metadata import MetadataError
from origin.objects import ObjectStoreError
from origin.speed import SpeedUnavailable
from packager.tools import ToolMissing
from signer.keys import KeyStoreError

logger = logging.getLogger(__name__)
LOOP_GRACE_S = 10.0
_START_ERRORS = (
    BadKeyFile,
    BrokenSite,
    EventLogError,
    MetadataError,
    ObjectStoreError,
    SpeedUnavailable,
    ToolMissing,
    KeyStoreError,
    OSError,
)


class Process:
    """Every role in one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._waiting: dict[str, str] = {"start": "the roles are starting"}
        self._listeners: list[Listener] = []
        self._supervisor = Supervisor()
        self._stats: dict[str, Callable[[], Any]] = {}

    def stop(self) -> None:
        """Begin to drain."""
        self._waiting["drain"] = "the process is stopping"
        self._stop.set()

    async def run(self, announce: Callable[[], None]) -> None:
        """Run until `stop`; `announce` is called once everything answers. Raises CannotStart."""
        async with AsyncExitStack() as stack:
            try:
                await self._start(stack)
            except BadPair as error:
                raise CannotStart(f"{error}; see REELWAY_TLS_CERT and REELWAY_TLS_KEY") from error
            except PortTaken as error:
                raise CannotStart(f"{error}; {_choose(self._settings, error.address)}") from error
            except _START_ERRORS as error:
                raise CannotStart(str(error)) from error
            del self._waiting["start"]
            announce()
            await self._stop.wait()
            logger.info("draining")
            await asyncio.gather(*(listener.drain(GRACE_S) for listener in self._listeners))
            self._listeners.clear()
            await self._supervisor.drain(LOOP_GRACE_S)
        logger.info("stopped")

    async def _start(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        claim_folder(settings.data, stack)
        if settings.tls_self_signed:
            ensure_pair(settings.tls_cert, settings.tls_key, now_ms())
        check_pair(settings.tls_cert, settings.tls_key)
        engines = await open_engines(settings, now_ms, stack)
        stack.push_async_callback(self._supervisor.drain, LOOP_GRACE_S)
        origin = await compose.origin(engines, now_ms, self._supervisor, stack)
        feed = await compose.feed(settings, engines, now_ms, self._supervisor, stack)
        edge = await compose.edge(settings, engines, origin.app, now_ms, self._supervisor, stack)
        gateway = await compose.gateway(settings, engines, origin, feed.service, now_ms, self._supervisor, stack)
        packager = compose.packager(settings, engines, origin.packaging, now_ms, self._supervisor)
        self._report(gateway.stats, origin.stats)
        self._report({"edge": edge.node.stats, "feed": feed.service.stats})
        self._report({"scorer": feed.scorer.stats, "packager": packager.stats})
        tls = Tls(settings.tls_cert, settings.tls_key)
        admin = create_admin(self._admin_parts(edge.cache))
        stack.push_async_callback(self._close_listeners)
        self._listeners = [
            Listener(front(gateway.app, edge.app), settings.gateway_bind, tls, now_ms),
            Listener(edge.app, settings.edge_bind, tls, now_ms),
            Listener(origin.app, settings.origin_bind, None, now_ms),
            Listener(admin, settings.admin_bind, None, now_ms),
        ]
        public, media, *_ = self._listeners
        self._stats |= {"http3_public": lambda: public.http3_stats, "http3_media": lambda: media.http3_stats}
        await asyncio.gather(*(listener.start() for listener in self._listeners))

    async def _close_listeners(self) -> None:
        await asyncio.gather(*(listener.drain(0.0) for listener in self._listeners))

    def _report(self, *groups: Mapping[str, Any]) -> None:
        for group in groups:
            self._stats |= {name: partial(_itself, stats) for name, stats in group.items()}

    def _admin_parts(self, cache: compose.MediaCache) -> AdminParts:
        return AdminParts(
            waiting_for=lambda: self._waiting,
            stats=self._stats,
            cache=cache,
            drain=self._drain,
            config=masked(self._settings),
            host=self._settings.admin_bind.host,
        )

    async def _drain(self) -> None:
        self.stop()


def _choose(settings: Settings, address: Bind) -> str:
    names = ("gateway_bind", "edge_bind", "origin_bind", "admin_bind")
    meant = next((f"REELWAY_{name.upper()}" for name in names if getattr(settings, name) == address), "")
    return f"stop what listens there, or set {meant} to another; `reelway doctor` shows which ports are free"


def _itself(stats: object) -> object:
    return stats


async def run_process(settings: Settings, announce: Callable[[], None]) -> None:
    """Run every role until SIGINT or SIGTERM; a second signal stops at once. Raises CannotStart."""
    configure_logging(settings.log, settings.log_level)
    process = Process(settings)
    task = asyncio.current_task()
    signals = 0

    def told() -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            process.stop()
        elif task is not None:
            logger.warning("told to stop again: stopping at once")
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    with suppress(asyncio.CancelledError):
        await process.run(announce)
