"""Mutual TLS between roles: each shows a certificate of one authority, and refuses a peer without one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc


class BadTls(Exception):
    """A file of the TLS settings that cannot be used; the text says which."""


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files of this process, as server and as client."""

    certificate: Path
    key: Path
    authority: Path
    """The certificate of who signs for all roles."""
    server_name: str = ""
    """The name in servers' certificates, where it is not the host of the target: always with several addresses."""


def server_credentials(tls: Tls) -> Any:
    """Raises BadTls."""
    authority, key, certificate = _files(tls)
    return grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)


def channel_credentials(tls: Tls) -> Any:
    """Raises BadTls."""
    return grpc.ssl_channel_credentials(*_files(tls))


def ensure_usable(tls: Tls) -> None:
    """Raises BadTls."""
    _files(tls)


def _files(tls: Tls) -> tuple[bytes, bytes, bytes]:
    """Authority, key and certificate, of which gRPC itself would only say that handshakes fail."""
    files = _read(tls.authority), _read(tls.key), _read(tls.certificate)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key, password=_no_password)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(tls.authority)
    except (ssl.SSLError, ValueError) as error:
        raise BadTls(
            f"{tls.certificate}, its key {tls.key} and the authority {tls.authority} do not belong together: {error}"
        ) from error
    return files


def _no_password() -> str:
    raise ValueError("the key asks for a password")


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadTls(f"{path} cannot be read: {error.strerror}") from error
    if b"-----BEGIN " not in data:
        raise BadTls(f"{path} is not a PEM file")
    return data
