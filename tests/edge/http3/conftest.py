"""A certificate, a running server, and a scripted aioquic client for the HTTP/3 front's tests."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge.http3 import Http3Server, Http3Settings
from tests.edge.http3.harness import Running, Serve


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=7))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
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
