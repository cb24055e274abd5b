"""Whether a packager has uploads in hand, so that other work gives way to them. Shell."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from packager.children import Children
from packager.process import Finished


class StillBusy(Exception):
    """Uploads came for so long that somebody else may as well do the work."""


SETTLED_S = 2.0


class Idle:
    """Uploads in hand are those that are worked on. Idle begins `settled_s` after the last: between two jobs of a
    backlog nothing is begun that the second would kill. One event loop only."""

    def __init__(self, settled_s: float = SETTLED_S) -> None:
        self._settled_s = settled_s
        self._uploads = 0
        self._ended_at = -math.inf
        """By the loop's clock."""
        self._idle, self._busy = asyncio.Event(), asyncio.Event()
        self._idle.set()

    @contextlib.contextmanager
    def upload(self) -> Iterator[None]:
        """While one is in hand."""
        self._uploads += 1
        self._idle.clear()
        self._busy.set()
        try:
            yield
        finally:
            self._uploads -= 1
            if self._uploads == 0:
                self._ended_at = asyncio.get_running_loop().time()
                self._busy.clear()
                self._idle.set()

    async def until_idle(self, timeout_s: float | None = None) -> None:
        """Raises StillBusy."""
        try:
            async with asyncio.timeout(timeout_s):
                while (left_s := self._left_s()) > 0:
                    await (self._idle.wait() if self._uploads else asyncio.sleep(left_s))
        except TimeoutError:
            raise StillBusy(f"uploads have been in hand for {timeout_s:.0f} s") from None

    def _left_s(self) -> float:
        """Until it is idle, if no upload comes; infinite while one is in hand."""
        settled_at = self._ended_at + self._settled_s
        return math.inf if self._uploads else settled_at - asyncio.get_running_loop().time()

    async def until_busy(self) -> None:
        await self._busy.wait()


@dataclass(slots=True, kw_only=True)
class IdleChildren(Children):
    """Children that run while no upload is in hand: one that is interrupted is killed, and started again afterwards.

    So a job loses at most what one of its programs had done, and keeps no state for it: every program writes its
    output anew.
    """

    idle: Idle
    interrupted: Callable[[], None]
    patience_s: float
    """How long it is waited for uploads to end."""

    async def run(
        self,
        argv: Sequence[str],
        media_s: float,
        on_line: Callable[[str], None] | None = None,
        *,
        urgent: bool = False,
    ) -> Finished:
        """Raises ProcessError, StillBusy."""
        while True:
            await self.idle.until_idle(self.patience_s)
            running = asyncio.create_task(Children.run(self, argv, media_s, on_line, urgent=urgent))
            busy = asyncio.create_task(self.idle.until_busy())
            try:
                await asyncio.wait({running, busy}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    return running.result()
            finally:
                for task in (running, busy):
                    task.cancel()
                await asyncio.wait({running, busy})
            self.interrupted()
