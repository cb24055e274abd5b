"""Valkey whose primaries have replicas: who leads, who follows, and how to lose what only the primary knows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deploy.services.addresses import Redis
from deploy.services.node import Node
from deploy.services.service import Service
from deploy.services.valkey import answered, ask, replication


@dataclass(frozen=True, slots=True)
class ReplicatedRedis(Service[Redis], ABC):
    """A service that goes on with a replica when a primary is gone."""

    @abstractmethod
    def primary(self, key: str = "") -> Node:
        """The node that takes the writes of a key, as those see it that answer. Raises RedisError, NotStarted."""

    def replicas(self, key: str = "") -> list[Node]:
        """Those that run and follow the key's primary. Raises RedisError."""
        primary = self.primary(key)
        return [node for node in self.nodes if node.pid is not None and _follows(node, primary)]

    def wait_for_another(self, old: Node, key: str = "") -> None:
        """Wait until a replica was promoted in the place of the key's primary. Raises NotStarted."""
        self.wait_while(lambda: answered(lambda: self._unpromoted(old, key)))

    def _unpromoted(self, old: Node, key: str) -> str:
        primary = self.primary(key)
        if primary is old or replication(primary)["role"] != "master":
            return f"another primary than {old.name}"
        return ""

    def join(self, dead: Node) -> None:
        """Start a killed node again and wait until it follows whoever leads now. Raises NotStarted."""
        dead.start()
        self.wait_ready()


@contextmanager
def cut_off(primary: Node, replicas: list[Node]) -> Iterator[None]:
    """In the `with` block the replicas are frozen, and get nothing of what the primary takes."""
    with ExitStack() as stack:
        for node in replicas:
            stack.enter_context(node.frozen())
        # What is on its way to them would be read when they are thawed.
        ask(primary, "CLIENT", "KILL", "TYPE", "replica")
        yield


def _follows(node: Node, primary: Node) -> bool:
    state = replication(node)
    return bool(state.get("role") == "slave" and state["master_port"] == primary.port)
