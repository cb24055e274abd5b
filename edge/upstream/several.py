"""Several origins that hold the same: requests go to them in turn, and to another where one does not answer.

One that failed is left out for a moment (`origin.breaker`). A request that may have been carried out is given to
another only if it bears that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.upstream.base import (
    Upstream,
    UpstreamError,
    UpstreamRequest,
    UpstreamResponse,
    UpstreamUnreachable,
)
from origin.breaker import Breaker, BreakerSettings

BREAKER = BreakerSettings(failures=1)
"""What another can answer need not be tried three times."""
_REPEATABLE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class _Member:
    upstream: Upstream
    breaker: Breaker = field(default_factory=lambda: Breaker(BREAKER))


class SeveralUpstreams:
    """See Upstream."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._members = [_Member(each) for each in upstreams]
        self._next = 0

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """See Upstream.send. Raises what the last one asked had to say."""
        failure: UpstreamError | None = None
        in_turn = self._in_turn()
        for member in in_turn:
            if failure is not None and not _may_go_on(request, failure):
                break
            if member.breaker.admits(_now_ms()):
                try:
                    return await self._asked(member, request)
                except UpstreamError as error:
                    failure = error
        if failure is not None:
            raise failure
        # All are left out: better to be refused by one than by none.
        return await self._asked(in_turn[0], request)

    def _in_turn(self) -> Sequence[_Member]:
        self._next = (self._next + 1) % len(self._members)
        return [*self._members[self._next :], *self._members[: self._next]]

    async def _asked(self, member: _Member, request: UpstreamRequest) -> UpstreamResponse:
        try:
            response = await member.upstream.send(request)
        except UpstreamError:
            member.breaker.ended(False, _now_ms())
            raise
        member.breaker.ended(True, _now_ms())
        return response

    async def close(self) -> None:
        """See Upstream.close."""
        for member in self._members:
            await member.upstream.close()


def _may_go_on(request: UpstreamRequest, failure: UpstreamError) -> bool:
    """Whether another may be asked: who could not be reached has seen nothing of it, others may have done it."""
    return isinstance(failure, UpstreamUnreachable) or (request.body is None and request.method in _REPEATABLE)


def _now_ms() -> int:
    return int(1000 * asyncio.get_running_loop().time())
