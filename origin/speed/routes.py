"""Where a key's primary is: one server, the one that the Sentinels name, or a cluster's node.

Nothing here has a time limit of its own but asking around after a topology: the caller limits each command, and a
search that it starts goes on without it, so that the next command finds the result. Of those asked more than half must
have told, and the newest epoch counts: one that was cut off tells of the past.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, RedisError, ResponseError

from origin.causes import in_words
from origin.speed.address import SpeedAddress
from origin.speed.slots import Node, Table, slot_of, table_of

T = TypeVar("T")
_States = dict[str, dict[str, Any]]
"""By service, as a Sentinel sees its primary."""
ASK_S = 0.5
"""For one Sentinel or one node to tell the topology."""
RETIRE_S = 30.0
"""After so long a node that left is forgotten: commands that were on their way to it have ended."""
_ERRORS = (RedisError, OSError, TimeoutError, ValueError)


@dataclass(frozen=True, slots=True)
class Options:
    connections: int
    """Per server."""
    connect_timeout_s: float


class Route(Protocol):
    async def primary(self, key: str) -> Redis:
        """A client of the key's primary. Raises redis's errors."""

    async def primaries(self) -> Sequence[Redis]:
        """Clients of all primaries. Raises redis's errors."""

    def node(self, node: Node) -> Redis:
        """A client of a node that a redirection names."""

    def moved(self, slot: int, node: Node) -> None:
        """A node said who has a slot."""

    def suspect(self) -> None:
        """A command failed or was not answered: the topology may be another one."""

    async def close(self) -> None: ...


class Single:
    """One server, for every key."""

    def __init__(self, address: SpeedAddress, options: Options) -> None:
        self._redis = _single(address, options)

    async def primary(self, key: str) -> Redis:  # noqa: ARG002 -- there is but one
        return self._redis

    async def primaries(self) -> Sequence[Redis]:
        return [self._redis]

    def node(self, node: Node) -> Redis:  # noqa: ARG002
        return self._redis

    def moved(self, slot: int, node: Node) -> None:
        """A server that is no cluster redirects nobody; the error reaches the caller."""

    def suspect(self) -> None:
        """The next command connects again by itself."""

    async def close(self) -> None:
        await self._redis.aclose()


class Watched(Single):
    """The primary that the Sentinels name; every new connection asks them."""

    def __init__(self, address: SpeedAddress, options: Options) -> None:
        self._sentinels = _Sentinels(address, options)
        self._redis = self._sentinels.master_for(
            address.service, max_connections=options.connections, db=address.database, **_common(address, options)
        )

    async def close(self) -> None:
        await super().close()
        await self._sentinels.aclose()


class _Sentinels(Sentinel):
    def __init__(self, address: SpeedAddress, options: Options) -> None:
        asked: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": options.connect_timeout_s}
        super().__init__(address.hosts, sentinel_kwargs=asked | {"retry": Retry(NoBackoff(), 1)})  # type: ignore[no-untyped-call]
        self._search: asyncio.Task[tuple[str, int]] | None = None

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._found(service_name), name="ask the Sentinels")
            self._search.add_done_callback(lambda search: search.cancelled() or search.exception())
        return await asyncio.shield(self._search)

    async def _found(self, service: str) -> tuple[str, int]:
        answers, errors = await _most([self._told(sentinel) for sentinel in self.sentinels])
        states = [masters[service] for masters in answers if service in masters]
        if standing := [state for state in states if self.check_master_state(state, service)]:
            newest = max(standing, key=lambda state: int(state["config-epoch"]))
            return str(newest["ip"]), int(newest["port"])
        if states:
            raise MasterNotFoundError(f"the Sentinels see no primary of {service!r} that is up")
        if answers:
            known = ", ".join(sorted({str(name) for masters in answers for name in masters})) or "none"
            raise MasterNotFoundError(f"the Sentinels watch no service {service!r}; they watch {known}")
        raise MasterNotFoundError(f"no Sentinel answers: {in_words(errors[0])}") from errors[0]

    async def _told(self, sentinel: Redis) -> _States:
        async with asyncio.timeout(ASK_S):
            masters = await sentinel.sentinel_masters()
        if not isinstance(masters, dict):
            raise TypeError("redis-py gives the services of a Sentinel in another form")
        return masters

    async def aclose(self) -> None:
        await _ended(self._search)
        await super().aclose()


class Cluster:
    """A client per node; the table of slots comes from the nodes themselves."""

    def __init__(self, address: SpeedAddress, options: Options) -> None:
        self._address = address
        self._options = options
        self._nodes: dict[Node, Redis] = {}
        self._table: Table | None = None
        self._gone_since_s: dict[Node, float] = {}
        """Nodes that the table does not name any more."""
        self._search: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        """Why the last search found nothing."""
        self._closed = False

    async def primary(self, key: str) -> Redis:
        slot = slot_of(key)
        holder = (await self._known()).primaries[slot]
        if holder is None:
            raise ClusterDownError(f"no node has slot {slot}")
        return self.node(holder)

    async def primaries(self) -> Sequence[Redis]:
        table = await self._known()
        if table.uncovered:
            raise ClusterDownError(f"no node has {table.uncovered} of the slots")
        return [self.node(node) for node in set(table.primaries) if node is not None]

    def node(self, node: Node) -> Redis:
        if node not in self._nodes:
            host, port = node
            common = _common(self._address, self._options)
            self._nodes[node] = Redis(host=host, port=port, max_connections=self._options.connections, **common)
        return self._nodes[node]

    def moved(self, slot: int, node: Node) -> None:
        if self._table is not None:
            self._table = self._table.with_slot(slot, node)
        self.suspect()

    def suspect(self) -> None:
        if not self._closed and (self._search is None or self._search.done()):
            self._search = asyncio.create_task(self._look(), name="read the cluster's slots")

    async def _known(self) -> Table:
        if self._table is None:
            self.suspect()
            if self._search is not None:
                await asyncio.shield(self._search)
        if self._table is None:
            raise self._failure or exceptions.ConnectionError("no node tells the cluster's slots")
        return self._table

    async def _look(self) -> None:
        asked = set(self._address.hosts) | (self._table.nodes if self._table else set())
        tables, errors = await _most([self._told(node) for node in asked])
        if not tables:
            self._failure = errors[0]
            return
        self._table = max(tables, key=lambda table: (table.epoch, -table.uncovered))
        await self._retire(self._nodes.keys() - self._table.nodes - set(self._address.hosts))

    async def _retire(self, gone: set[Node]) -> None:
        now_s = asyncio.get_running_loop().time()
        self._gone_since_s = {node: self._gone_since_s.get(node, now_s) for node in gone}
        for node, since_s in self._gone_since_s.items():
            if now_s - since_s > RETIRE_S:
                with contextlib.suppress(*_ERRORS):
                    await self._nodes.pop(node).aclose()

    async def _told(self, node: Node) -> Table:
        async with asyncio.timeout(ASK_S):
            pipeline = self.node(node).pipeline(transaction=False)
            pipeline.execute_command("CLUSTER", "INFO")
            pipeline.execute_command("CLUSTER", "SLOTS")
            info, ranges = await pipeline.execute(raise_on_error=False)
        for answer in (info, ranges):
            if isinstance(answer, ResponseError):
                raise answer
        return table_of(bytes(info).decode(), ranges, node)

    async def close(self) -> None:
        self._closed = True
        await _ended(self._search)
        for client in self._nodes.values():
            with contextlib.suppress(*_ERRORS):
                await client.aclose()


def _single(address: SpeedAddress, options: Options) -> Redis:
    common = _common(address, options) | {"max_connections": options.connections, "db": address.database}
    if address.socket:
        return Redis(unix_socket_path=address.socket, **common)
    host, port = address.hosts[0]
    return Redis(host=host, port=port, ssl=address.tls, ssl_ca_certs=address.ca_file, **common)


def _common(address: SpeedAddress, options: Options) -> dict[str, Any]:
    return {
        "username": address.username,
        "password": address.password,
        # With a timeout of its own the client sends through asyncio.wait_for, which before Python 3.12 can swallow a
        # cancellation; who sends a command times it instead.
        "socket_timeout": None,
        "socket_connect_timeout": options.connect_timeout_s,
        # One more try at once: the server may have restarted under a pooled connection.
        "retry": Retry(NoBackoff(), 1),
    }


async def _most(asked: Sequence[Awaitable[T]]) -> tuple[list[T], list[Exception]]:
    """The answers of more than half, or of all who answer; and the errors until then."""
    tasks = [asyncio.ensure_future(each) for each in asked]
    answers: list[T] = []
    errors: list[Exception] = []
    try:
        for told in asyncio.as_completed(tasks):
            try:
                answers.append(await told)
            except _ERRORS as error:
                errors.append(error)
            if 2 * len(answers) > len(tasks):
                break
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return answers, errors


async def _ended(search: asyncio.Task[Any] | None) -> None:
    if search is not None:
        search.cancel()
        await asyncio.gather(search, return_exceptions=True)
