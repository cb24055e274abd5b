"""What a process waits for before it serves, and what has failed since: the words of `/readyz`.

An engine, or a role in another process, that does not answer or is not prepared is waited for: the process lives and
says so. An engine that refuses our credentials, or holds a newer version's data, stops the start. Once it serves, a
process stays ready while an engine is away, because all of its kind would be turned away together and each answers from
what is left; it says `degraded`. So it does from the start where an engine can do all but a part of its work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.engines import CannotStart, Check
from origin.eventlog import EventLogError, LogDenied
from origin.metadata import MetadataDenied, MetadataError, MetadataMisplaced, MetadataTooNew
from origin.objects import ObjectStoreError, StoreDenied
from origin.retry import Backoff
from origin.roles import RoleUnavailable
from origin.speed import SpeedDenied, SpeedError, SpeedUnreplicated

logger = logging.getLogger(__name__)
CHECK_EVERY_S = 5.0
CHECK_TIMEOUT_S = 10.0
_BACKOFF = Backoff(base_s=0.25, cap_s=CHECK_EVERY_S)
ENGINE_ERRORS = (EventLogError, MetadataError, ObjectStoreError, SpeedError)
_AWAY = (*ENGINE_ERRORS, RoleUnavailable)
FINAL = (LogDenied, MetadataDenied, MetadataMisplaced, MetadataTooNew, SpeedDenied, StoreDenied)
"""What no waiting mends."""
_USABLE = (SpeedUnreplicated,)
"""What a process serves with, degraded."""


@dataclass(slots=True)
class EngineStats:
    """Of the engines and the roles that were looked at."""

    degraded: dict[str, int] = field(default_factory=dict, metadata={"gauge": True})
    """By setting, 1 while what it names is away or lacks something."""


class Readiness:
    def __init__(self) -> None:
        self.waiting: dict[str, str] = {"start": "the roles are starting"}
        """What keeps the process from being ready, in words; empty when it is ready."""
        self.degraded: dict[str, str] = {}
        """Engines that are away from a process that serves, or do a part of their work only."""
        self.stats = EngineStats()

    async def wait_for(self, checks: Mapping[str, Check]) -> None:
        """Until every engine can be used. Raises CannotStart with what waiting would not mend."""
        await asyncio.gather(*(self._wait(name, check) for name, check in checks.items()))

    async def _wait(self, name: str, check: Check) -> None:
        attempt = 0
        while (problem := await _problem(name, check)) is not None and not isinstance(problem, _USABLE):
            if isinstance(problem, FINAL):
                raise CannotStart(f"{name}: {problem}") from problem
            if self.waiting.get(name) != str(problem):
                logger.warning("waiting for an engine", extra={"setting": name, "problem": str(problem)})
            self.waiting[name] = str(problem)
            await asyncio.sleep(_BACKOFF.delay_s(attempt, 1.0))
            attempt += 1
        self.waiting.pop(name, None)
        self._note(name, problem)

    async def watch(self, checks: Mapping[str, Check]) -> None:
        """Look at the engines for ever; cancel it."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            await asyncio.gather(*(self._look(name, check) for name, check in checks.items()))

    async def _look(self, name: str, check: Check) -> None:
        self._note(name, await _problem(name, check))

    def _note(self, name: str, problem: Exception | None) -> None:
        """One line in the log when it changes whether the engine can be used."""
        self.stats.degraded[name] = int(problem is not None)
        if problem is None:
            if self.degraded.pop(name, None) is not None:
                logger.info("an engine is back", extra={"setting": name})
            return
        if name not in self.degraded:
            what = "an engine lacks something" if isinstance(problem, _USABLE) else "an engine is away"
            logger.warning(what, extra={"setting": name, "problem": str(problem)})
        self.degraded[name] = str(problem)


async def _problem(name: str, check: Check) -> Exception | None:
    """Why what the setting names cannot be used now."""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except _AWAY as error:
        return error
    except TimeoutError:
        return TimeoutError(f"no answer within {CHECK_TIMEOUT_S:g} s: start what {name} names, or correct it")
    return None
