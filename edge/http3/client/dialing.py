"""Finds the address of a host at which a QUIC server answers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any

from aioquic.h3.connection import H3_ALPN
from aioquic.quic.configuration import QuicConfiguration

from edge.http3.client.connection import SOCKET_BYTES, ClientConnection
from edge.http3.client.exchange import ExchangeFailed
from edge.http3.congestion.control import NAME as PATH_MODEL

IDLE_S = 10.0
"""Without a word of the server, although it is asked for one: it is gone."""
AT_ONCE = 4


async def dial(host: str, port: int, server_name: str, certificate: Path | None, within_s: float) -> ClientConnection:
    """Connect to the first of the host's addresses that completes a handshake; all are tried at once.

    The server must prove to be `server_name`, wherever it is reached. `certificate` is a PEM file to trust besides the
    system's. Raises ExchangeFailed with the reason of the last that
    failed, also when no one answers in time.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(within_s):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, TimeoutError) as error:
        raise ExchangeFailed(f"{host} has no address: {error}") from error
    addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))[:AT_ONCE]
    tries = {
        asyncio.create_task(_connect(server_name, family, address, certificate, within_s))
        for family, address in addresses
    }
    return await _first(tries)


async def _first(tries: set[asyncio.Task[ClientConnection]]) -> ClientConnection:
    failed: BaseException = ExchangeFailed("no address to try")
    won: ClientConnection | None = None
    try:
        while tries and won is None:
            done, tries = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                if (error := each.exception()) is not None:
                    failed = error
                elif won is None:
                    won = each.result()
                else:
                    each.result().close()
    finally:
        for each in tries:
            each.cancel()
        if tries:
            await asyncio.wait(tries)
    if won is None:
        raise ExchangeFailed(str(failed)) from failed
    return won


async def _connect(
    server_name: str, family: int, address: tuple[Any, ...], certificate: Path | None, within_s: float
) -> ClientConnection:
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=H3_ALPN,
        server_name=server_name,
        idle_timeout=IDLE_S,
        congestion_control_algorithm=PATH_MODEL,
    )
    if certificate is not None:
        # Named alone, the file would stand in for the system's certificates instead of beside them.
        configuration.load_verify_locations(str(certificate), ssl.get_default_verify_paths().capath)
    loop = asyncio.get_running_loop()
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BYTES)
    _, connection = await loop.create_datagram_endpoint(lambda: ClientConnection(configuration, address), sock=sock)
    try:
        async with asyncio.timeout(within_s):
            await asyncio.shield(connection.ready)
    except TimeoutError as error:
        connection.close()
        raise ExchangeFailed(f"{server_name} does not answer over UDP within {within_s:g} s") from error
    except BaseException:
        connection.close()
        raise
    return connection
