"""Sockets and servers: one address, TCP for HTTP/1.1 and HTTP/2 (Hypercorn), UDP for HTTP/3 (`edge.http3`).

Sockets are bound here, before any of them answers, so that a taken port is one clear line and not a
stack trace from inside a server.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypercorn.config import Config

from deploy.front import dated, unambiguous
from deploy.setting_forms import Bind
from deploy.tcp import TcpServer
from deploy.unread import read_to_the_end
from edge.asgi import AsgiApp
from edge.http3 import Http3Server, Http3Settings

GRACE_S = 10.0
"""How long running requests may take to end once a drain has begun."""
ALT_SVC_MAX_AGE_S = 86_400
KEEP_ALIVE_MAX_REQUESTS = 1_000_000
"""Hypercorn ends an HTTP/2 connection in the middle of a body when this is reached, so it must not be."""


class PortTaken(Exception):
    """Another process listens on an address that this one wants, or this machine has no such address."""

    def __init__(self, address: Bind, reason: str) -> None:
        super().__init__(reason)
        self.address = address


@dataclass(frozen=True, slots=True)
class Tls:
    certificate: Path
    key: Path


def bind_tcp(address: Bind) -> socket.socket:
    """A listening TCP socket; raises PortTaken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _bind(listener, address, "TCP")
    listener.setblocking(False)
    return listener


def bind_udp(address: Bind) -> socket.socket:
    """A bound UDP socket; raises PortTaken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    datagrams = socket.socket(family, socket.SOCK_DGRAM)
    _bind(datagrams, address, "UDP")
    datagrams.setblocking(False)
    return datagrams


def _bind(unbound: socket.socket, address: Bind, protocol: str) -> None:
    try:
        unbound.bind((address.host, address.port))
    except OSError as error:
        unbound.close()
        if error.errno == errno.EADDRINUSE:
            taken = f"{protocol} port {address} is taken by another process (is Reelway running already?)"
            raise PortTaken(address, taken) from error
        raise PortTaken(address, f"cannot listen on {protocol} {address}: {error.strerror}") from error


class Listener:
    """One address serving one ASGI app until it is drained."""

    def __init__(self, app: AsgiApp, address: Bind, tls: Tls | None, clock: Callable[[], int]) -> None:
        """Bind the sockets. With `tls` HTTP/3 is served beside HTTP/2 and advertised by Alt-Svc (RFC 7838)."""
        self._app, self._address, self._tls, self._clock = app, address, tls, clock
        self._tcp = bind_tcp(address)
        try:
            self._udp = bind_udp(address) if tls else None
        except PortTaken:
            self._tcp.close()
            raise
        self._http3: Http3Server | None = None
        self._http12: TcpServer | None = None

    @property
    def http3_stats(self) -> Any:
        """The HTTP/3 front's counters; None on a plain HTTP address."""
        return self._http3.stats if self._http3 else None

    async def start(self) -> None:
        async with AsyncExitStack() as undo:
            if self._udp is not None and self._tls is not None:
                settings = Http3Settings(certificate_path=self._tls.certificate, private_key_path=self._tls.key)
                self._http3 = Http3Server(self._app, settings, clock=self._clock)
                await self._http3.start(self._udp)
                undo.push_async_callback(self._http3.drain, 0.0)
            self._http12 = TcpServer(dated(unambiguous(read_to_the_end(self._app)), self._clock), self._hypercorn())
            await self._http12.start(self._tcp)
            undo.pop_all()

    async def drain(self, grace_s: float = GRACE_S) -> None:
        """Take no new requests, let running ones end within `grace_s`, then close."""
        servers = [server for server in (self._http3, self._http12) if server is not None]
        await asyncio.gather(*(server.drain(grace_s) for server in servers))

    def _hypercorn(self) -> Config:
        config = Config()
        if self._tls is not None:
            config.certfile, config.keyfile = str(self._tls.certificate), str(self._tls.key)
            config.alt_svc_headers = [f'h3=":{self._address.port}"; ma={ALT_SVC_MAX_AGE_S}']
        config.alpn_protocols = ["h2", "http/1.1"]
        config.include_server_header = False
        config.include_date_header = False  # `dated` adds it where a cache has not kept one
        config.keep_alive_timeout = 30.0
        config.keep_alive_max_requests = KEEP_ALIVE_MAX_REQUESTS
        config.backlog = 1024
        config.accesslog = None
        config.errorlog = logging.getLogger("hypercorn.error")  # what an app failed with: without it, nobody would know
        config.h11_max_incomplete_size = 64 << 10
        config.h2_max_concurrent_streams = 128
        return config
