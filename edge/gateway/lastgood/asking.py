"""Calls of one role under a deadline and a circuit breaker. Shell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from edge.gateway.lastgood.model import LastGoodStats
from origin.breaker import Breaker, BreakerSettings
from origin.metadata.base import MetadataUnavailable
from origin.roles import RoleUnavailable

logger = logging.getLogger(__name__)
R = TypeVar("R")
AWAY = (RoleUnavailable, MetadataUnavailable)
"""What `ask` raises when the role, or the store behind it, does not answer."""


class Asking:
    """`role` is its name in errors and counters."""

    def __init__(
        self, role: str, deadline_s: float, settings: BreakerSettings, clock: Callable[[], int], stats: LastGoodStats
    ) -> None:
        self._role = role
        self._deadline_s = deadline_s
        self._clock = clock
        self._stats = stats
        self._breaker = Breaker(settings)

    @property
    def away(self) -> bool:
        """The last call failed, or none is made now."""
        return not self._breaker.untroubled

    async def ask(self, call: Callable[[], Awaitable[R]]) -> R:
        """What the call gives or raises; AWAY when the role does not answer in time, or did not a moment ago."""
        if not self._breaker.admits(self._clock()):
            self._stats.refused[self._role] += 1
            raise RoleUnavailable(f"the {self._role} did not answer a moment ago")
        try:
            async with asyncio.timeout(self._deadline_s):
                result = await call()
        except TimeoutError as error:
            self._ended(False, f"no answer in {self._deadline_s} s")
            raise RoleUnavailable(f"the {self._role} did not answer in {self._deadline_s} s") from error
        except AWAY as error:
            self._ended(False, str(error))
            raise
        except Exception:
            # A refusal is an answer.
            self._ended(True)
            raise
        self._ended(True)
        return result

    def _ended(self, ok: bool, reason: str = "") -> None:
        self._breaker.ended(ok, self._clock())
        if not ok:
            self._stats.failures[self._role] += 1
            logger.warning("a role does not answer", extra={"role": self._role, "error": reason})
