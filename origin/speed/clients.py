"""The clients of the speed layer: Redis or Valkey, single, behind Sentinel, or a cluster. See `address` for the URLs.

A client sends commands, each for one key, in as few round trips as there are nodes. It follows a cluster's redirections
and learns a failover also from silence: redis-py's own cluster client draws no conclusion from a command that its
caller gave up, so a primary that hangs instead of dying would be asked for ever.

Scripts are sent by their digest, and whole when the server does not know it, as after a failover. A command may be sent
twice when a connection breaks, so each must bear repetition.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from redis.asyncio import Redis
from redis.exceptions import AskError, MovedError, NoScriptError, RedisError, TryAgainError

from origin.speed import routes
from origin.speed.address import Kind, SpeedAddress, parse_address
from origin.speed.errors import TooFewReplicas, named

CONNECT_TIMEOUT_S = 0.25
CONNECTIONS = 64
"""Of one client to one server; more commands at once wait for a free one, within their time."""
WAIT_MS = 1_000
"""For replicas to have a write."""
CHECK_S = 5.0
_HOPS = 5
"""Redirections followed for one command."""
_AGAIN_S = 0.02
_REDIRECTED = (MovedError, AskError, TryAgainError, NoScriptError)

Word = str | bytes | int


@dataclass(frozen=True, slots=True)
class Command:
    """One command and the key by which a cluster finds its node."""

    key: str
    words: tuple[Word, ...]
    script: str = ""
    """The text, when the words call a script by its digest."""

    @property
    def whole(self) -> Command:
        """The same with the script's text in the place of its digest."""
        return Command(self.key, ("EVAL", self.script, *self.words[2:]))


def command(name: str, key: str, *arguments: Word) -> Command:
    return Command(key, (name, key, *arguments))


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script; all of its keys must be in one slot."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())

    def on(self, keys: Sequence[str], arguments: Iterable[Word] = ()) -> Command:
        return Command(keys[0], ("EVALSHA", self.digest, len(keys), *keys, *arguments), self.text)


def open_client(url: str, connections: int = CONNECTIONS, connect_timeout_s: float = CONNECT_TIMEOUT_S) -> SpeedClient:
    """A client for the URL; connects at the first command. Raises ValueError for an ill-formed URL."""
    return SpeedClient(parse_address(url), connections, connect_timeout_s)


async def check_server(url: str) -> None:
    """Return when the server at the URL can be used now; see `SpeedClient.check`. Raises SpeedError, ValueError."""
    client = open_client(url, connections=1)
    try:
        await client.check()
    finally:
        await client.close()


class SpeedClient:
    """Use `open_client`. Answers are as redis-py gives them undecoded: bytes, integers, lists, None; True for OK."""

    def __init__(self, address: SpeedAddress, connections: int, connect_timeout_s: float) -> None:
        self.address = address
        self._room = asyncio.Semaphore(connections)
        self._route = _route(address, connections, connect_timeout_s)

    async def run(self, commands: Sequence[Command], timeout_s: float, *, replicated: bool = False) -> list[Any]:
        """The answers, in order. Commands of one node reach it in order and together, not atomically.

        With `replicated` also wait until `address.wait_replicas` replicas have everything that each node was written up
        to and including these commands, which must write themselves: a replica acknowledges writes.
        Raises SpeedUnavailable, after which any of them may have been done, and SpeedDenied.
        """
        try:
            async with asyncio.timeout(timeout_s), self._room:
                return await self._answers(list(commands), self.address.wait_replicas if replicated else 0)
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._route.suspect()
            raise named(error, self.address, timeout_s) from error

    async def one(self, asked: Command, timeout_s: float, *, replicated: bool = False) -> Any:
        """The answer to one command; see `run`."""
        return (await self.run([asked], timeout_s, replicated=replicated))[0]

    async def check(self) -> None:
        """Return when every primary answers and the counts' takes writes, with its replicas. Raises SpeedError."""
        try:
            async with asyncio.timeout(CHECK_S):
                await asyncio.gather(*(node.ping() for node in await self._route.primaries()))
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._route.suspect()
            raise named(error, self.address, CHECK_S) from error
        await self.one(command("SET", "{counts}:check", "", "EX", 60), CHECK_S, replicated=True)

    async def close(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            await self._route.close()

    async def _answers(self, commands: list[Command], replicas: int) -> list[Any]:
        answers: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        asking: dict[int, Redis] = {}
        for _ in range(_HOPS):
            by_node = await self._by_node(commands, left, asking)
            given = await _together(
                [
                    _sent(node, [commands[place] for place in places], replicas, asking=node in asking.values())
                    for node, places in by_node.items()
                ]
            )
            for places, some in zip(by_node.values(), given, strict=True):
                for place, answer in zip(places, some, strict=True):
                    answers[place] = answer
            left = [place for place in left if isinstance(answers[place], _REDIRECTED)]
            if not left:
                break
            asking = await self._redirected(commands, answers, left)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _by_node(
        self, commands: Sequence[Command], places: Sequence[int], asking: dict[int, Redis]
    ) -> dict[Redis, list[int]]:
        by_node: dict[Redis, list[int]] = {}
        for place in places:
            node = asking.get(place) or await self._route.primary(commands[place].key)
            by_node.setdefault(node, []).append(place)
        return by_node

    async def _redirected(
        self, commands: list[Command], answers: Sequence[Any], places: Sequence[int]
    ) -> dict[int, Redis]:
        """Prepare the next attempt; returns the nodes to ask for slots that are on their way to them."""
        asking: dict[int, Redis] = {}
        for place in places:
            answer = answers[place]
            if isinstance(answer, NoScriptError):
                commands[place] = commands[place].whole
            elif isinstance(answer, MovedError):
                self._route.moved(answer.slot_id, (answer.host, answer.port))
            elif isinstance(answer, AskError):
                asking[place] = self._route.node((answer.host, answer.port))
            else:
                await asyncio.sleep(_AGAIN_S)
        return asking


async def _together(sendings: Sequence[Coroutine[Any, Any, list[Any]]]) -> list[list[Any]]:
    """What each gives; all have ended when one's error is raised."""
    if len(sendings) == 1:
        return [await sendings[0]]
    given = await asyncio.gather(*sendings, return_exceptions=True)
    for some in given:
        if isinstance(some, BaseException):
            raise some
    return [some for some in given if not isinstance(some, BaseException)]


async def _sent(node: Redis, commands: Sequence[Command], replicas: int, *, asking: bool) -> list[Any]:
    """The answers of one node over one connection; errors are given back in their places. Raises what breaks the
    connection, and TooFewReplicas."""
    pipeline = node.pipeline(transaction=False)
    for each in commands:
        if asking:
            pipeline.execute_command("ASKING")
        pipeline.execute_command(*each.words)
    if replicas:
        pipeline.execute_command("WAIT", replicas, WAIT_MS)
    answers = await pipeline.execute(raise_on_error=False)
    if replicas:
        reached = answers.pop()
        # A command that was not done waits for no replica; its own error says more.
        if not any(isinstance(answer, Exception) for answer in answers) and int(reached) < replicas:
            raise TooFewReplicas(
                f"a write reached {reached} of {replicas} replicas within {WAIT_MS} ms, and counts wait for that; "
                "start a replica, or put ?wait_replicas= lower"
            )
    return answers[1::2] if asking else answers


def _route(address: SpeedAddress, connections: int, connect_timeout_s: float) -> routes.Route:
    options = routes.Options(connections, connect_timeout_s)
    match address.kind:
        case Kind.SINGLE:
            return routes.Single(address, options)
        case Kind.SENTINEL:
            return routes.Watched(address, options)
        case Kind.CLUSTER:
            return routes.Cluster(address, options)
    assert_never(address.kind)
