"""A running engine: its nodes, its address, and the state in which it can be used."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from deploy.services.errors import NotStarted
from deploy.services.node import Node

Address = TypeVar("Address")
AnyService = TypeVar("AnyService", bound="Service[Any]")
START_S = 110
"""Most time from starting an engine's nodes to the ready state; three Cassandra nodes take 17 s of two idle cores."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Service(Generic[Address]):
    """An engine of one node or several; stopped at the end of a `with` block."""

    name: str
    address: Address
    nodes: tuple[Node, ...]
    missing: Callable[[], str]
    """Asks the engine what it lacks to be used; empty when nothing. May block for some seconds."""

    def start(self) -> None:
        """Start every node that does not run and wait until all can be used. Raises NotStarted."""
        for node in self.nodes:
            node.start()
        self.wait_ready()

    def wait_ready(self, within_s: float = START_S) -> None:
        """Wait until every node takes part. Raises NotStarted."""
        self.wait_while(self._missing, within_s)

    def wait_while(self, missing: Callable[[], str], within_s: float = START_S) -> None:
        """Wait until nothing is missing. Raises NotStarted, with what is and with the ends of the logs."""
        deadline = time.monotonic() + within_s
        while lack := missing():
            if time.monotonic() > deadline:
                logs = "\n".join(node.log_end() for node in self.nodes)
                raise NotStarted(f"{self.name} was not ready after {within_s:.0f} s: {lack}\n{logs}")
            time.sleep(_POLL_S)

    def _missing(self) -> str:
        for node in self.nodes:
            if node.ended_with is not None:
                raise NotStarted(f"{self.name}: {node.name} ended with {node.ended_with}\n{node.log_end()}")
        return self.missing()

    def stop(self) -> None:
        """End all nodes in order, together; by force what does not end."""
        for node in self.nodes:
            node.ask_to_stop()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """End all nodes at once: for data that nobody wants again."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def started(service: AnyService) -> AnyService:
    """The service, ready; nothing of it is left when that fails or is interrupted. Raises NotStarted."""
    try:
        service.start()
    except BaseException:
        service.kill()
        raise
    return service
