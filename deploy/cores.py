"""How many cores this process may use: those it may run on, and no more than its control groups give it."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
_V2 = "0::/"


def usable_cores(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> int:
    """At least 1. Of control groups v2 (`cpu.max` of the own one and of all above it); blocking, but quick."""
    quotas = [quota for text in _limits(cgroups, own) if (quota := quota_cores(text)) is not None]
    return max(1, min([len(os.sched_getaffinity(0)), *(int(quota) for quota in quotas)]))


def quota_cores(cpu_max: str) -> float | None:
    """Cores that a `cpu.max` ("QUOTA PERIOD" in µs) allows; None for "max", and for what is no such text."""
    try:
        quota, period = (int(word) for word in cpu_max.split())
        return quota / period if quota > 0 and period > 0 else None
    except ValueError:
        return None


def _limits(cgroups: Path, own: Path) -> list[str]:
    found: list[str] = []
    for folder in _own_and_above(own):
        try:
            found.append((cgroups / folder / "cpu.max").read_text(encoding="ascii"))
        except (OSError, ValueError):
            # The root has none; in a container the own one is the root of what can be seen.
            continue
    return found


def _own_and_above(own: Path) -> list[Path]:
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    paths = [Path(line.removeprefix(_V2)) for line in lines if line.startswith(_V2)]
    return [each for path in paths for each in (path, *path.parents)]
