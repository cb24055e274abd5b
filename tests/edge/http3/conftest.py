"""A certificate, a running server, and a scripted aioquic client for the HTTP/3 front's tests."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.http3 import Http3Server, Http3Settings
from tests.edge.http3.certificates import write_certificate
from tests.edge.http3.harness import Running, Serve


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    write_certificate(folder)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
async def serve(certificate: tuple[Path, Path]) -> AsyncIterator[Serve]:
    """`await serve(app, **settings)` starts a server; all are drained at the end."""
    servers: list[Http3Server] = []

    async def start(app: Any, **options: Any) -> Running:
        settings = Http3Settings(certificate_path=certificate[0], private_key_path=certificate[1], **options)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        server = Http3Server(app, settings, clock=lambda: time.time_ns() // 1_000_000)
        await server.start(sock)
        servers.append(server)
        return Running(server, sock.getsockname()[1])

    yield start
    for server in servers:
        await server.drain(0.0)
