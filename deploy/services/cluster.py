"""Valkey Cluster: three primaries that share the slots, each with a replica."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.services.addresses import Redis
from deploy.services.errors import NotStarted
from deploy.services.node import Node
from deploy.services.ports import Ports
from deploy.services.replicated import ReplicatedRedis
from deploy.services.service import started
from deploy.services.valkey import HOST, answered, answers, ask, client, replication, server, unanswered

NODE_TIMEOUT_MS = 2000
"""A primary that is silent for so long is replaced by a replica of its own."""
_PRIMARIES = 3
_SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class ClusterRedis(ReplicatedRedis):
    """At first the primaries, then their replicas in the same order."""

    def primary(self, key: str = "") -> Node:
        """As the first node sees it that answers."""
        for node in self.nodes:
            if answers(node):
                return self._primary_seen_by(node, key)
        raise NotStarted("no node of the cluster answers")

    def _primary_seen_by(self, node: Node, key: str) -> Node:
        slot = ask(node, "CLUSTER KEYSLOT", key)
        [address] = [each for each, member in _members(node).items() if slot in _slots(member)]
        return next(each for each in self.nodes if each.address == address)


def start_cluster(folder: Path) -> ClusterRedis:
    """The cluster on the data in `folder`. Raises ServicesError."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ports = Ports(folder)
    nodes = tuple(_node(number, folder, ports) for number in range(1, 2 * _PRIMARIES + 1))
    url = f"redis+cluster://{','.join(node.address for node in nodes)}"
    return started(ClusterRedis("Redis Cluster", Redis(url), nodes, lambda: answered(lambda: _missing(nodes))))


def _node(number: int, folder: Path, ports: Ports) -> Node:
    settings = [
        "cluster-enabled yes",
        f"cluster-node-timeout {NODE_TIMEOUT_MS}",
        f"cluster-port {ports.take(f'bus-{number}', HOST)}",
        f"cluster-announce-ip {HOST}",
        "cluster-replica-validity-factor 0",
        "repl-diskless-sync-delay 0",
    ]
    return server(f"redis {number}", folder / f"node-{number}", ports.take(f"node-{number}", HOST), settings)


def _missing(nodes: tuple[Node, ...]) -> str:
    return unanswered(nodes) or _unformed(nodes) or _unserved(nodes)


def _unformed(nodes: tuple[Node, ...]) -> str:
    """Do what a new cluster still needs; empty when all nodes know each other and every replica has its primary."""
    primaries = nodes[:_PRIMARIES]
    for number, node in enumerate(primaries):
        _give_slots(number, node)
    short = [node for node in nodes if len(_members(node)) < len(nodes)]
    for node in short:
        _meet(node, nodes[0])
    if short:
        return f"{short[0].name} does not know all nodes"
    for node, primary in zip(nodes[_PRIMARIES:], primaries, strict=True):
        _follow(node, primary)
    return ""


def _follow(node: Node, primary: Node) -> None:
    members = _members(node)
    itself = members[node.address]
    if "master" in itself["flags"] and not itself["slots"]:
        ask(node, "CLUSTER REPLICATE", members[primary.address]["node_id"])


def _give_slots(number: int, node: Node) -> None:
    members = _members(node)
    if len(members) == 1 and not members[node.address]["slots"]:
        first, after = (_SLOTS * each // _PRIMARIES for each in (number, number + 1))
        ask(node, "CLUSTER ADDSLOTSRANGE", first, after - 1)


def _meet(node: Node, other: Node) -> None:
    with client(other) as asked:
        bus_port = asked.config_get("cluster-port")["cluster-port"]
    ask(node, "CLUSTER MEET", other.host, other.port, bus_port)


def _members(node: Node) -> dict[str, dict[str, Any]]:
    """The cluster as the node sees it, by address."""
    members: dict[str, dict[str, Any]] = ask(node, "CLUSTER NODES")
    return members


def _slots(member: dict[str, Any]) -> Iterator[int]:
    for first, *last in member["slots"]:
        yield from range(int(first), int(last[0] if last else first) + 1)


def _unserved(nodes: tuple[Node, ...]) -> str:
    """Empty when every node serves all slots, and every primary has a replica in step."""
    for node in nodes:
        state = ask(node, "CLUSTER INFO")
        if state["cluster_state"] != "ok" or state["cluster_slots_pfail"] != "0":
            return f"{node.name} finds the cluster in the state {state}"
    for node in nodes:
        if replication(node)["role"] == "master" and not _in_step(node):
            return f"{node.name} has no replica in step"
    return ""


def _in_step(primary: Node) -> bool:
    state = replication(primary)
    return any(state[f"slave{number}"]["state"] == "online" for number in range(state["connected_slaves"]))
