"""Valkey Cluster: three primaries that share the slots, each with as many replicas as asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deploy.services.addresses import Redis
from deploy.services.node import Node
from deploy.services.ports import Ports
from deploy.services.service import Service, started
from deploy.services.valkey import HOST, answered, client, server, unanswered

NODE_TIMEOUT_MS = 2000
"""A primary that is silent for so long is replaced by a replica of its own."""
_PRIMARIES = 3
_SLOTS = 16_384


def start_cluster(folder: Path, replicas: int = 0) -> Service[Redis]:
    """The cluster on the data in `folder`; its nodes are the primaries, then their replicas. Raises ServicesError."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ports = Ports(folder)
    nodes = tuple(_node(number, folder, ports) for number in range(1, _PRIMARIES * (1 + replicas) + 1))
    url = f"redis+cluster://{','.join(node.address for node in nodes)}"
    return started(Service("Redis Cluster", Redis(url), nodes, lambda: answered(lambda: _missing(nodes, replicas))))


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


def _missing(nodes: tuple[Node, ...], replicas: int) -> str:
    return unanswered(nodes) or _unformed(nodes) or _unserved(nodes, replicas)


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
    for number, node in enumerate(nodes[_PRIMARIES:]):
        _follow(node, primaries[number % _PRIMARIES])
    return ""


def _follow(node: Node, primary: Node) -> None:
    members = _members(node)
    itself = members[node.address]
    if "master" in itself["flags"] and not itself["slots"]:
        with client(node) as told:
            told.execute_command("CLUSTER REPLICATE", members[primary.address]["node_id"])


def _give_slots(number: int, node: Node) -> None:
    members = _members(node)
    if len(members) == 1 and not members[node.address]["slots"]:
        first, after = (_SLOTS * each // _PRIMARIES for each in (number, number + 1))
        with client(node) as told:
            told.execute_command("CLUSTER ADDSLOTSRANGE", first, after - 1)


def _meet(node: Node, other: Node) -> None:
    with client(other) as asked:
        bus_port = asked.config_get("cluster-port")["cluster-port"]
    with client(node) as told:
        told.execute_command("CLUSTER MEET", other.host, other.port, bus_port)


def _members(node: Node) -> dict[str, dict[str, Any]]:
    """The cluster as the node sees it, by address."""
    with client(node) as asked:
        members: dict[str, dict[str, Any]] = asked.execute_command("CLUSTER NODES")
    return members


def _unserved(nodes: tuple[Node, ...], replicas: int) -> str:
    """Empty when every node serves all slots, and every primary has its replicas."""
    for node in nodes:
        with client(node) as asked:
            state = asked.execute_command("CLUSTER INFO")["cluster_state"]
        if state != "ok":
            return f"{node.name} finds the cluster in the state {state}"
    members = _members(nodes[0])
    for node in nodes:
        if members[node.address]["slots"] and (missing := _uncopied(node, replicas)):
            return missing
    return ""


def _uncopied(primary: Node, replicas: int) -> str:
    with client(primary) as asked:
        connected = asked.info("replication")["connected_slaves"]
    return "" if connected >= replicas else f"{primary.name} has {connected} of {replicas} replicas"
