"""Mutual TLS between roles: each shows a certificate of one authority, and refuses a peer without one."""

from __future__ import annotations

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
    pair = (_read(tls.key), _read(tls.certificate))
    return grpc.ssl_server_credentials([pair], _read(tls.authority), require_client_auth=True)


def channel_credentials(tls: Tls) -> Any:
    """Raises BadTls."""
    return grpc.ssl_channel_credentials(_read(tls.authority), _read(tls.key), _read(tls.certificate))


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadTls(f"{path} cannot be read: {error.strerror}") from error
    if b"-----BEGIN " not in data:
        raise BadTls(f"{path} is not a PEM file")
    return data
