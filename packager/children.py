"""The child programs of one job: their limits by the clip's length, and what they cost together. Shell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packager.process import Finished, ProcessError, ProcessLimits, Usage, run
from packager.settings import PackagerSettings


@dataclass(slots=True)
class Children:
    """All run in `work`, several at a time. `account` is told of each as soon as it has ended, however it ended."""

    clip: Path
    """The one file outside `work` that they may read."""
    work: Path
    settings: PackagerSettings
    account: Callable[[Usage], None]
    usage: Usage = Usage()

    async def run(
        self,
        argv: Sequence[str],
        media_s: float,
        on_line: Callable[[str], None] | None = None,
        *,
        urgent: bool = False,
    ) -> Finished:
        """`urgent` goes before the others. Raises ProcessError."""
        limits = self._limits(media_s, 0 if urgent else self.settings.niceness)
        try:
            finished = await run(argv, cwd=self.work, limits=limits, on_line=on_line)
        except ProcessError as error:
            self.add(error.usage)
            raise
        self.add(finished.usage)
        return finished

    def add(self, usage: Usage) -> None:
        self.usage += usage
        self.account(usage)

    def _limits(self, media_s: float, niceness: int) -> ProcessLimits:
        return ProcessLimits(
            wall_s=self.settings.base_wall_s + self.settings.wall_s_per_media_s * media_s,
            cpu_s=math.ceil(self.settings.base_wall_s + self.settings.cpu_s_per_media_s * media_s),
            address_space_bytes=self.settings.address_space_bytes,
            file_bytes=self.settings.output_bytes,
            niceness=niceness,
            readable=(str(self.clip),),
        )
