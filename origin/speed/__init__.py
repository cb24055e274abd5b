"""The speed layer's server: an embedded one, or the address of a real one. See `base` for the contract."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from origin.speed.base import Speed, SpeedUnavailable
from origin.speed.embedded import EmbeddedSpeed

__all__ = ["Speed", "SpeedUnavailable", "open_speed"]

_ELSEWHERE = frozenset({"redis", "rediss", "redis+cluster", "redis+sentinel", "unix"})


@dataclass(frozen=True, slots=True)
class ElsewhereSpeed:
    """A server that someone else runs, or the `memory:` of tests and simulations."""

    url: str

    async def close(self) -> None:
        """Nothing was started."""


async def open_speed(url: str, data_folder: Path) -> Speed:
    """Make sure that there is a speed layer: `embedded:` starts one that keeps its data in `data_folder/speed`.

    Raises ValueError for an unknown scheme and SpeedUnavailable when the embedded one does not start. Call it on the
    thread that lives as long as the process (the main one): the kernel ties the server to it.
    """
    if url == "embedded:":
        speed = EmbeddedSpeed(data_folder / "speed", random.random)
        await speed.start()
        return speed
    if url == "memory:" or urlsplit(url).scheme in _ELSEWHERE:
        return ElsewhereSpeed(url)
    raise ValueError(f"{url!r} is no speed layer: give embedded:, memory:, redis://…, unix://…")
