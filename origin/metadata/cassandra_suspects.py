"""Nodes that let a request time out are asked last until they answer again.

A frozen node, or one behind a dead link, closes no socket: the driver notices by its heartbeat, seconds later, and
until then would wait the time limit out for each request that is that node's turn. Here the first one pays for all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy

_AGAIN_S = 5.0
"""After this long one request is let through, to see whether the node answers."""


class Suspects:
    """Told by the driver's threads what came of requests, and asked by whoever sends one."""

    def __init__(self) -> None:
        self._again_s: dict[Any, float] = {}

    def answered(self, node: Any) -> None:
        self._again_s.pop(node, None)

    def timed_out(self, node: Any) -> None:
        self._again_s[node] = time.monotonic() + _AGAIN_S

    def include(self, node: Any) -> bool:
        again_s = self._again_s.get(node)
        if again_s is None:
            return False
        if time.monotonic() < again_s:
            return True
        self.timed_out(node)
        return False

    def __bool__(self) -> bool:
        return bool(self._again_s)


class SuspectsLast(TokenAwarePolicy):  # type: ignore[misc] # the driver has no types
    """Replicas of the near data centre, then its other nodes; suspects after them.

    Replicas take turns, which spreads a partition that everybody reads; or one leads (`in_turn` is false), so that
    compare-and-sets on one partition seldom meet.
    """

    def __init__(self, local_dc: str, suspects: Suspects, *, in_turn: bool) -> None:
        super().__init__(DCAwareRoundRobinPolicy(local_dc), shuffle_replicas=in_turn)
        self._suspects = suspects

    def make_query_plan(self, working_keyspace: str | None = None, query: Any = None) -> Iterator[Any]:
        plan = super().make_query_plan(working_keyspace, query)
        return iter(sorted(plan, key=self._suspects.include)) if self._suspects else plan
