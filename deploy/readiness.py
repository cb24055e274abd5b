"""What a process waits for before it serves, and what has failed since: the words of `/readyz`.

An engine, or a role in another process, that does not answer or is not prepared is waited for: the process lives and
says so. An engine that refuses our credentials, or holds a newer version's data, stops the start. Once it serves, a
process stays ready while an engine is away, because all of its kind would be turned away together and each answers from
what is left; it says `degraded`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from deploy.engines import Check
from origin.eventlog import EventLogError, LogDenied
from origin.metadata import MetadataDenied, MetadataError, MetadataMisplaced, MetadataTooNew
from origin.objects import ObjectStoreError, StoreDenied
from origin.retry import Backoff
from origin.roles import RoleUnavailable
from origin.speed import SpeedDenied, SpeedError

logger = logging.getLogger(__name__)
CHECK_EVERY_S = 5.0
CHECK_TIMEOUT_S = 10.0
_BACKOFF = Backoff(base_s=0.25, cap_s=CHECK_EVERY_S)
ENGINE_ERRORS = (EventLogError, MetadataError, ObjectStoreError, SpeedError)
_AWAY = (*ENGINE_ERRORS, RoleUnavailable)
FINAL = (LogDenied, MetadataDenied, MetadataMisplaced, MetadataTooNew, SpeedDenied, StoreDenied)
"""What no waiting mends."""


class Readiness:
    def __init__(self) -> None:
        self.waiting: dict[str, str] = {"start": "the roles are starting"}
        """What keeps the process from being ready, in words; empty when it is ready."""
        self.degraded: dict[str, str] = {}
        """Engines that are away from a process that serves."""

    async def wait_for(self, checks: Mapping[str, Check]) -> None:
        """Until every engine can be used. Raises what waiting would not mend."""
        await asyncio.gather(*(self._wait(name, check) for name, check in checks.items()))

    async def _wait(self, name: str, check: Check) -> None:
        attempt = 0
        while (problem := await _problem(check)) is not None:
            if self.waiting.get(name) != problem:
                logger.warning("waiting for an engine", extra={"setting": name, "problem": problem})
            self.waiting[name] = problem
            await asyncio.sleep(_BACKOFF.delay_s(attempt, 1.0))
            attempt += 1
        self.waiting.pop(name, None)

    async def watch(self, checks: Mapping[str, Check]) -> None:
        """Look at the engines for ever; cancel it."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            await asyncio.gather(*(self._look(name, check) for name, check in checks.items()))

    async def _look(self, name: str, check: Check) -> None:
        try:
            problem = await _problem(check)
        except FINAL as error:
            problem = str(error)
        if problem is None:
            if self.degraded.pop(name, None) is not None:
                logger.info("an engine is back", extra={"setting": name})
        else:
            if name not in self.degraded:
                logger.warning("an engine is away", extra={"setting": name, "problem": problem})
            self.degraded[name] = problem


async def _problem(check: Check) -> str | None:
    """Why the engine cannot be used now; raises FINAL ones."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except FINAL:
        raise
    except _AWAY as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT_S:.0f} s"
    return None
