"""Which of the waiting jobs is begun next. Rules file.

Fair between users, by self-clocked weighted fair queueing with equal weights: each user who waits has a virtual time,
which advances by the expected cost of every job begun for them; the job that would end first by its user's time is
next. So users who wait side by side get the same cost of work, whoever sent more, and of one user's jobs the short ones
go first. A job that others have overtaken too often is next whatever it costs.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

from origin.eventlog.base import Position

OVERTAKES = 64
EACH_BYTES = 1 << 20
"""What a job costs however short its clip is: probing, pictures, publishing."""
UNKNOWN_BYTES = 8 << 20
"""Taken for the size of a clip whose event does not tell it."""


@dataclass(frozen=True, slots=True)
class Job:
    position: Position
    user_id: int
    video_id: int
    cost: int
    """Expected, in bytes of clip."""


def expected_cost(size_bytes: int) -> int:
    """Of packaging a clip of this size, 0 where it is not known. The time an encoder takes grows with a clip's length
    and pictures, which nobody knows before the probe; its size grows with both."""
    return EACH_BYTES + (size_bytes if size_bytes > 0 else UNKNOWN_BYTES)


@dataclass(slots=True)
class FairQueue:
    overtakes: int = OVERTAKES
    """How many later jobs may be begun before one that could have been."""
    _jobs: dict[Position, Job] = field(default_factory=dict)
    """In the order in which they came."""
    _overtaken: dict[Position, int] = field(default_factory=dict)
    _times: dict[int, int] = field(default_factory=dict)
    """The virtual time of each user who waits."""
    _now: int = 0
    """The virtual time at which the job would have ended that was first by it when the last one was begun."""

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> None:
        self._jobs[job.position] = job
        self._overtaken[job.position] = 0
        # Who did not wait has saved nothing up.
        self._times.setdefault(job.user_id, self._now)

    def next(self, busy: Set[int]) -> Job | None:
        """The job to begin now, of a video that is not `busy`; None when there is none."""
        ready = [job for job in self._jobs.values() if job.video_id not in busy]
        # Whoever came first has been overtaken most often.
        if ready and self._overtaken[ready[0].position] >= self.overtakes:
            return ready[0]
        return min(ready, key=self._end, default=None)

    def begin(self, position: Position) -> None:
        """A waiting job is begun."""
        for earlier in self._jobs:
            if earlier == position:
                break
            self._overtaken[earlier] += 1
        job = self._jobs[position]
        # Not this job's end: of one that had waited its longest it lies far ahead, and newcomers would begin there.
        self._now = max(self._now, min(map(self._end, self._jobs.values())))
        self._times[job.user_id] = self._end(job)
        self.drop(position)

    def drop(self, position: Position) -> None:
        """A waiting job is somebody else's now."""
        job = self._jobs.pop(position)
        del self._overtaken[position]
        if all(other.user_id != job.user_id for other in self._jobs.values()):
            del self._times[job.user_id]

    def _end(self, job: Job) -> int:
        return self._times[job.user_id] + job.cost
