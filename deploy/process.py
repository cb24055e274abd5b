"""One process: opens the engines, starts its roles, listens, and on a signal drains and stops in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import fields
from functools import partial
from typing import Any

from deploy.admin import AdminParts, create_admin
from deploy.binds import called_on, served_on
from deploy.clock import now_ms
from deploy.compose import Composition, Site, compose
from deploy.engines import CannotStart, Engines, claim
from deploy.listen import GRACE_S, Listener, PortTaken, Tls, bind_tcp, bind_udp
from deploy.readiness import ENGINE_ERRORS, Readiness
from deploy.roles import Role
from deploy.setting_forms import Bind
from deploy.settings import Settings, masked
from deploy.supervise import Supervisor
from deploy.telemetry import configure_logging
from deploy.tls import BadPair, check_pair, ensure_pair
from edge.gateway.issuers.local import BadKeyFile
from edge.gateway.site_files import BrokenSite
from edge.gateway.spool.model import SpoolError
from origin.ids import ClockBehindEpoch
from origin.rpc.serving import Unprotected, ensure_protected
from origin.rpc.targets import BadTarget
from origin.rpc.tls import BadTls, ensure_usable
from origin.rpc.tls import Tls as GrpcTls
from packager.tools import ToolMissing
from signer.keys import KeyStoreError

logger = logging.getLogger(__name__)
LOOP_GRACE_S = 10.0
_START_ERRORS = (
    *ENGINE_ERRORS,
    BadKeyFile,
    BadTarget,
    BrokenSite,
    ClockBehindEpoch,
    KeyStoreError,
    SpoolError,
    ToolMissing,
    OSError,
)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TLS_ROLES = frozenset({Role.GATEWAY, Role.EDGE})


class Process:
    """Some of the roles, or all of them, in one process."""

    def __init__(self, settings: Settings, roles: frozenset[Role]) -> None:
        self._settings = settings
        self._roles = roles
        self._stop = asyncio.Event()
        self._readiness = Readiness()
        self._listeners: list[Listener] = []
        self._supervisor = Supervisor()
        self._made = Composition(stats={"engines": self._readiness.stats})

    def stop(self) -> None:
        """Begin to drain."""
        self._readiness.waiting["drain"] = "the process is stopping"
        self._stop.set()

    async def run(self, announce: Callable[[], None]) -> None:
        """Run until `stop`; `announce` is called once everything answers. Raises CannotStart."""
        async with AsyncExitStack() as stack:
            try:
                if not await self._started(stack):
                    return
                del self._readiness.waiting["start"]
                announce()
                await self._stop.wait()
                logger.info("draining")
                await asyncio.gather(self._drain_listeners(GRACE_S), *(each.stop(GRACE_S) for each in self._made.calls))
            finally:
                # While what the loops use is still open: they would open it again.
                await self._supervisor.drain(LOOP_GRACE_S)
        logger.info("stopped")

    async def _started(self, stack: AsyncExitStack) -> bool:
        """False when it was told to stop while it waited for its engines."""
        start = asyncio.create_task(self._start(stack))
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not start.done():
                return False
            with _in_words(self._settings):
                await start
            return True
        finally:
            for task in (start, stop):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def _start(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        for role in sorted(self._roles):
            claim(settings.data, f"the {role}", stack)
        tls, grpc_tls = self._tls(), self._grpc_tls()
        stack.push_async_callback(self._drain_listeners, 0.0)
        await self._listen(create_admin(self._admin_parts()), settings.admin_bind, None)
        self._look_at_addresses(grpc_tls)
        engines = Engines(settings, now_ms, stack)
        await engines.open(self._roles)
        await self._readiness.wait_for(engines.checks)
        site = Site(settings, engines, now_ms, self._supervisor, stack, grpc_tls)
        await compose(self._roles, site, self._made)
        await self._readiness.wait_for(self._made.awaited)
        self._supervisor.add("engines", partial(self._readiness.watch, {**engines.checks, **self._made.awaited}))
        for server in self._made.calls:
            stack.push_async_callback(server.stop, 0.0)
            await server.start()
        for served in self._made.served:
            listener = await self._listen(served.app, served.address, tls if served.tls else None)
            if served.tls:
                self._made.stats[f"http3_{served.name}"] = listener.http3_stats

    def _look_at_addresses(self, grpc_tls: GrpcTls | None) -> None:
        """Raises PortTaken or Unprotected before anything is waited for."""
        called = called_on(self._roles, self._settings)
        for bind in called:
            ensure_protected(str(bind), grpc_tls)
        for bind in {*called, *served_on(self._roles, self._settings)}:
            # Tried and let go: gRPC would say of a taken port neither which setting moves it nor why in words.
            bind_tcp(bind).close()
        for bind in served_on(self._roles & _TLS_ROLES, self._settings):
            bind_udp(bind).close()

    def _tls(self) -> Tls | None:
        settings = self._settings
        if not self._roles & _TLS_ROLES:
            return None
        if settings.tls_self_signed:
            ensure_pair(settings.tls_cert, settings.tls_key, now_ms())
        check_pair(settings.tls_cert, settings.tls_key)
        return Tls(settings.tls_cert, settings.tls_key)

    def _grpc_tls(self) -> GrpcTls | None:
        """Raises BadTls."""
        settings = self._settings
        cert, key, ca = settings.grpc_tls_cert, settings.grpc_tls_key, settings.grpc_tls_ca
        if not (cert and key and ca):
            return None
        tls = GrpcTls(cert, key, ca, settings.grpc_tls_name)
        ensure_usable(tls)
        return tls

    async def _listen(self, app: Any, address: Bind, tls: Tls | None) -> Listener:
        listener = Listener(app, address, tls, now_ms)
        self._listeners.append(listener)
        await listener.start()
        return listener

    async def _drain_listeners(self, grace_s: float) -> None:
        listeners, self._listeners = self._listeners, []
        await asyncio.gather(*(listener.drain(grace_s) for listener in listeners))

    def _admin_parts(self) -> AdminParts:
        return AdminParts(
            waiting_for=self._readiness.waiting,
            degraded=self._readiness.degraded,
            stats=self._made.stats,
            cache=lambda: self._made.cache,
            drain=self._told_to_drain,
            config=masked(self._settings),
            host=self._settings.admin_bind.host,
        )

    async def _told_to_drain(self) -> None:
        self.stop()


@contextmanager
def _in_words(settings: Settings) -> Iterator[None]:
    """What keeps the process from starting, with the setting that helps."""
    try:
        yield
    except BadPair as error:
        raise CannotStart(f"{error}; see REELWAY_TLS_CERT and REELWAY_TLS_KEY") from error
    except PortTaken as error:
        raise CannotStart(f"{error}; {_choose(settings, error.address)}") from error
    except Unprotected as error:
        raise CannotStart(f"{error}: REELWAY_GRPC_TLS_CERT, _KEY and _CA") from error
    except BadTls as error:
        raise CannotStart(f"{error}; see REELWAY_GRPC_TLS_CERT, _KEY and _CA") from error
    except _START_ERRORS as error:
        raise CannotStart(str(error)) from error


def _choose(settings: Settings, address: Bind) -> str:
    names = (each.name for each in fields(settings) if each.name.endswith("_bind"))
    meant = next((f"REELWAY_{name.upper()}" for name in names if getattr(settings, name) == address), "")
    return f"stop what listens there, or set {meant} to another; `reelway doctor` shows which ports are free"


async def run_process(settings: Settings, roles: frozenset[Role], announce: Callable[[], None]) -> None:
    """Run the roles until SIGINT or SIGTERM; a second signal stops at once. Raises CannotStart.

    Both signals are ignored from then on: the process ends in any case, and with its own exit code.
    """
    configure_logging(settings.log, settings.log_level)
    process = Process(settings, roles)
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    signals = 0

    def told() -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            process.stop()
        elif signals == 2 and task is not None:
            logger.warning("told to stop again: stopping at once")
            task.cancel()

    for number in _SIGNALS:
        # Not by the loop: it would give them back their default, death, before they can be ignored.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(told))
    try:
        with suppress(asyncio.CancelledError):
            await process.run(announce)
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
