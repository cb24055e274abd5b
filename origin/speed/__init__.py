"""The speed layer's server: an embedded one, or the address of a real one. See `base` for the contract."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from origin.speed.address import parse_address
from origin.speed.base import Speed, SpeedDenied, SpeedError, SpeedUnavailable
from origin.speed.clients import check_server
from origin.speed.embedded import EmbeddedSpeed

__all__ = ["Speed", "SpeedDenied", "SpeedError", "SpeedUnavailable", "open_speed"]


@dataclass(frozen=True, slots=True)
class ElsewhereSpeed:
    """A server that someone else runs, or the `memory:` of tests and simulations."""

    url: str

    async def check(self) -> None:
        if self.url != "memory:":
            await check_server(self.url)

    async def close(self) -> None:
        """Nothing was started."""


async def open_speed(url: str, data_folder: Path) -> Speed:
    """Make sure that there is a speed layer: `embedded:` starts one that keeps its data in `data_folder/speed`.

    Raises ValueError for an ill-formed URL and SpeedUnavailable when the embedded one does not start. Call it on the
    thread that lives as long as the process (the main one): the kernel ties the server to it.
    """
    if url == "embedded:":
        speed = EmbeddedSpeed(data_folder / "speed", random.random)
        await speed.start()
        return speed
    if url == "memory:":
        return ElsewhereSpeed(url)
    try:
        parse_address(url)
    except ValueError as error:
        raise ValueError(f"{error}; and embedded:") from error
    return ElsewhereSpeed(url)
