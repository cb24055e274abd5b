"""Ports of loopback that a service keeps: picked free once and written down, as clusters remember their members."""

from __future__ import annotations

import json
import secrets
import socket
import time
from pathlib import Path

from deploy.services.errors import PortTaken

_RANGE = range(20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, so nobody takes the port of a node that is down."""
_ATTEMPTS = 200
_LET_GO_S = 10
"""A predecessor that was killed needs a moment to go."""


class Ports:
    """The ports of the service in `folder`, by use."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ports.json"
        self._kept: dict[str, int] = json.loads(self._file.read_text()) if self._file.exists() else {}

    def take(self, use: str, *hosts: str) -> int:
        """A port that is free on every one of `hosts`; the same as at the last start. Raises PortTaken."""
        kept = self._kept.get(use)
        if kept is not None:
            _wait_until_free(kept, hosts, use)
            return kept
        for _ in range(_ATTEMPTS):
            port = secrets.choice(_RANGE)
            if port not in self._kept.values() and _free(port, hosts):
                self._kept[use] = port
                self._file.write_text(json.dumps(self._kept))
                return port
        raise PortTaken(f"no port from {_RANGE[0]} to {_RANGE[-1]} is free for {use}")


def _wait_until_free(port: int, hosts: tuple[str, ...], use: str) -> None:
    deadline = time.monotonic() + _LET_GO_S
    while not _free(port, hosts):
        if time.monotonic() > deadline:
            raise PortTaken(
                f"another program listens on port {port} of {' or '.join(hosts)}, which is kept for {use}: "
                "stop it, or begin anew with --fresh"
            )
        time.sleep(0.1)


def _free(port: int, hosts: tuple[str, ...]) -> bool:
    for host in hosts:
        with socket.socket() as trial:
            # What a server does too: a connection that was closed lately keeps nobody out.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError:
                return False
    return True
