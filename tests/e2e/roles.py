"""Roles as processes of their own: `reelway serve ROLE` on engines that run already."""

from __future__ import annotations

import os
import shutil
import ssl
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from deploy.clock import now_ms
from deploy.services.node import Node
from deploy.services.ports import Ports
from deploy.tls import ensure_pair

HOST = "127.0.0.1"
READY_WITHIN_S = 120.0
MIGRATE_WITHIN_S = 180.0
CALLED = ("origin", "feed", "scorer")
"""Roles that other processes call."""
DATA = "REELWAY_DATA"


class NotReady(Exception):
    """A process ended, or was not ready in time."""


def reelway(name: str, folder: Path, settings: Mapping[str, str], *arguments: str) -> Node:
    """A `reelway` command with these settings and none of our own; it dies with this process."""
    ours = [argument for each in os.environ if each.startswith("REELWAY_") for argument in ("-u", each)]
    given = [f"{key}={value}" for key, value in settings.items()]
    command = [str(shutil.which("env")), *ours, *given, str(Path(sys.executable).parent / "reelway"), *arguments]
    return Node(name, folder, HOST, 0, command)


def migrate(folder: Path, engines: Mapping[str, str]) -> str:
    """`reelway migrate`; returns what it said. Raises NotReady."""
    node = reelway("migrate", folder, {**engines, DATA: str(folder / "data")}, "migrate")
    node.start()
    deadline = time.monotonic() + MIGRATE_WITHIN_S
    while node.ended_with is None:
        if time.monotonic() > deadline:
            node.kill()
        time.sleep(0.1)
    if node.ended_with:
        raise NotReady(f"migrate ended with {node.ended_with}\n{node.log_end()}")
    return node.log.read_text()


class Roles:
    """Processes by name, not started; the data of each outlives it. `engines` are the settings that name them."""

    def __init__(self, folder: Path, engines: Mapping[str, str], serve: Mapping[str, str]) -> None:
        """`serve`: process → its role."""
        self._folder = folder
        self._serve = serve
        self._client = httpx.Client(timeout=5, verify=False)
        self.processes: dict[str, Node] = {}
        self.admin_urls: dict[str, str] = {}
        self.gateway_urls: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._ports = Ports(folder)
        binds = {name: self._binds(name, role) for name, role in serve.items()}
        self.certificate = folder / "cert.pem"
        """Of the gateways and the edges."""
        ensure_pair(self.certificate, folder / "key.pem", now_ms())
        self.shared = {
            **engines,
            "REELWAY_KEYS_URL": f"file://{folder}/signing-keys.json",
            "REELWAY_TLS_CERT": str(self.certificate),
            "REELWAY_TLS_KEY": str(folder / "key.pem"),
            **self._reach(binds),
        }
        for name, role in serve.items():
            settings = {**self.shared, **binds[name], DATA: str(folder / name / "data")}
            self.admin_urls[name] = f"http://{binds[name]['REELWAY_ADMIN_BIND']}"
            self.processes[name] = reelway(name, folder / name, settings, "serve", role)

    def _binds(self, name: str, role: str) -> dict[str, str]:
        wanted = ["ADMIN"]
        if role in ("gateway", "edge", "origin"):
            wanted.append(role.upper())
        if role in CALLED:
            wanted.append(f"{role.upper()}_GRPC")
        return {f"REELWAY_{each}_BIND": f"{HOST}:{self._ports.take(f'{name} {each}', HOST)}" for each in wanted}

    def _reach(self, binds: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        targets = {
            f"REELWAY_{role.upper()}_TARGET": ",".join(
                binds[name][f"REELWAY_{role.upper()}_GRPC_BIND"] for name in self.serving(role)
            )
            for role in CALLED
        }
        [edge, *_], [gateway, *_] = self.serving("edge"), self.serving("gateway")
        self.gateway_urls = {name: _https(binds[name]["REELWAY_GATEWAY_BIND"]) for name in self.serving("gateway")}
        origins = ",".join(binds[name]["REELWAY_ORIGIN_BIND"] for name in self.serving("origin"))
        self.public_url = self.gateway_urls[gateway]
        return {
            **targets,
            "REELWAY_MEDIA_URL": _https(binds[edge]["REELWAY_EDGE_BIND"]),
            "REELWAY_ORIGIN_URL": f"http://{origins}",
        }

    def serving(self, role: str) -> list[str]:
        """Names of the processes of a role."""
        return [name for name, served in self._serve.items() if served == role]

    def trust(self) -> ssl.SSLContext:
        """Believes the gateways and the edges."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def start(self, *names: str) -> None:
        """Start these, or all, and wait until they are ready. Raises NotReady."""
        for name in names or self.processes:
            self.processes[name].start()
        self.wait_ready(*names)

    def wait_ready(self, *names: str) -> None:
        """Raises NotReady."""
        deadline = time.monotonic() + READY_WITHIN_S
        for name in names or self.processes:
            while (answer := self.readiness(name)) is None or not answer["ready"]:
                node = self.processes[name]
                if node.ended_with is not None:
                    raise NotReady(f"{name} ended with {node.ended_with}\n{node.log_end()}")
                if time.monotonic() > deadline:
                    raise NotReady(f"{name} is not ready after {READY_WITHIN_S:.0f} s: {answer}\n{node.log_end()}")
                time.sleep(0.1)

    def readiness(self, name: str) -> dict | None:
        """What `/readyz` says; None: the process does not answer."""
        try:
            return self._client.get(f"{self.admin_urls[name]}/readyz").json()
        except httpx.TransportError:
            return None

    def metric(self, name: str, metric: str) -> float | None:
        """One number of a process; None while it does not answer, or has none of that name."""
        try:
            text = self._client.get(f"{self.admin_urls[name]}/metrics").text
        except httpx.TransportError:
            return None
        for line in text.splitlines():
            found, _, value = line.partition(" ")
            if found in (f"reelway_{metric}", f"reelway_{metric}_total"):
                return float(value)
        return None

    def stop(self) -> dict[str, int | None]:
        """Ask all to stop, wait for them, by force for those that do not; returns their exit codes."""
        with ThreadPoolExecutor(len(self.processes)) as threads:
            list(threads.map(Node.stop, self.processes.values()))
        self._client.close()
        return {name: node.ended_with for name, node in self.processes.items()}


def _https(bind: str) -> str:
    return f"https://localhost:{bind.rpartition(':')[2]}"


def engine_settings(metadata: str, objects: str, events: str, redis: str) -> dict[str, str]:
    """By their URLs."""
    return {
        "REELWAY_METADATA_URL": metadata,
        "REELWAY_OBJECTS_URL": objects,
        "REELWAY_EVENTS_URL": events,
        "REELWAY_REDIS_URL": redis,
    }
