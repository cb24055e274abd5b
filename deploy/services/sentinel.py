"""Valkey under Sentinel: a primary, two replicas, and three sentinels that choose another primary when it dies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.services.addresses import Redis
from deploy.services.node import Node
from deploy.services.ports import Ports
from deploy.services.replicated import ReplicatedRedis
from deploy.services.service import started
from deploy.services.valkey import HOST, answered, client, follow_from_start, server, unanswered, unreplicated

GROUP = "reelway"
DOWN_AFTER_MS = 1000
_REPLICAS = 2
_SENTINELS = 3
_QUORUM = 2

_FOLLOWED = (
    # A primary that no replica follows refuses writes: what it took alone would be lost at the failover.
    "min-replicas-to-write 1",
    "min-replicas-max-lag 3",
    "repl-ping-replica-period 1",
    "repl-diskless-sync-delay 0",
)


@dataclass(frozen=True, slots=True)
class WatchedRedis(ReplicatedRedis):
    """The servers, then the sentinels."""

    @property
    def servers(self) -> tuple[Node, ...]:
        return self.nodes[: _REPLICAS + 1]

    @property
    def sentinels(self) -> tuple[Node, ...]:
        return self.nodes[_REPLICAS + 1 :]

    def primary(self, key: str = "") -> Node:  # noqa: ARG002 -- one primary takes every key
        """As most of the sentinels see it that run."""
        named = [_leader_port(sentinel) for sentinel in self.sentinels if sentinel.pid is not None]
        leader = max(set(named), key=named.count)
        return next(node for node in self.servers if node.port == leader)

    def join(self, dead: Node) -> None:
        """The sentinels would make it a replica too, after some ten seconds."""
        follow_from_start(dead, self.primary())
        dead.start()
        self.wait_ready()


def start_sentinel(folder: Path, *settings: str) -> WatchedRedis:
    """The group on the data in `folder`; `settings` are the servers' and win over ours. Raises ServicesError."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ports = Ports(folder)
    servers = _servers(folder, ports, settings)
    sentinels = _sentinels(folder, ports, servers)
    url = f"redis+sentinel://{','.join(node.address for node in sentinels)}/{GROUP}/0"
    return started(
        WatchedRedis(
            "Redis Sentinel", Redis(url), (*servers, *sentinels), lambda: answered(lambda: _missing(servers, sentinels))
        )
    )


def _servers(folder: Path, ports: Ports, settings: tuple[str, ...]) -> tuple[Node, ...]:
    taken = [ports.take(f"server-{number}", HOST) for number in range(1, _REPLICAS + 2)]
    nodes = []
    for number, port in enumerate(taken, 1):
        follows = [] if number == 1 else [f"replicaof {HOST} {taken[0]}"]
        nodes.append(server(f"redis {number}", folder / f"server-{number}", port, [*_FOLLOWED, *settings, *follows]))
    return tuple(nodes)


def _sentinels(folder: Path, ports: Ports, servers: tuple[Node, ...]) -> tuple[Node, ...]:
    leader, *replicas = servers
    settings = [
        f"sentinel monitor {GROUP} {HOST} {leader.port} {_QUORUM}",
        f"sentinel down-after-milliseconds {GROUP} {DOWN_AFTER_MS}",
        f"sentinel failover-timeout {GROUP} 5000",
        f"sentinel parallel-syncs {GROUP} 1",
        # Told and not found out, which takes until the next round of ten seconds.
        *(f"sentinel known-replica {GROUP} {HOST} {replica.port}" for replica in replicas),
    ]
    names = [f"sentinel-{number}" for number in range(1, _SENTINELS + 1)]
    return tuple(server(name, folder / name, ports.take(name, HOST), settings, "--sentinel") for name in names)


def _missing(servers: tuple[Node, ...], sentinels: tuple[Node, ...]) -> str:
    """Empty when the sentinels know each other and both replicas, and a write reaches both."""
    return unanswered((*servers, *sentinels)) or _unknown(sentinels) or _unreplicated(servers, sentinels)


def _unknown(sentinels: tuple[Node, ...]) -> str:
    for node in sentinels:
        with client(node) as sentinel:
            state = sentinel.sentinel_master(GROUP)
            replicas = sentinel.sentinel_slaves(GROUP)
        known = state["num-slaves"], state["num-other-sentinels"]
        if known != (_REPLICAS, _SENTINELS - 1) or state["flags"] != "master":
            return f"{node.name} knows {known[0]} replicas and {known[1]} other sentinels; flags {state['flags']}"
        # One is enough to fail over to; of one that came back the sentinel may learn only after ten seconds.
        if not any(replica["master-link-status"] == "ok" for replica in replicas):
            return f"{node.name} knows of no replica that has its primary's data"
    return ""


def _unreplicated(servers: tuple[Node, ...], sentinels: tuple[Node, ...]) -> str:
    leaders = {_leader_port(node) for node in sentinels}
    for node in servers:
        if leaders == {node.port}:
            return unreplicated(node, _REPLICAS)
    return f"the sentinels name the primaries {leaders}"


def _leader_port(sentinel: Node) -> int:
    with client(sentinel) as asked:
        _, port = asked.sentinel_get_master_addr_by_name(GROUP)
    return int(port)
