"""The speed layer's server: an embedded one, or the address of a real one. See `base` for the contract."""

from __future__ import annotations

import random
import ssl
from dataclasses import dataclass
from pathlib import Path

from origin.causes import in_words
from origin.speed.address import SpeedAddress, parse_address
from origin.speed.base import Speed, SpeedDenied, SpeedError, SpeedUnavailable, SpeedUnreplicated
from origin.speed.clients import check_server
from origin.speed.embedded import EmbeddedSpeed

__all__ = ["Speed", "SpeedDenied", "SpeedError", "SpeedUnavailable", "SpeedUnreplicated", "open_speed"]


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

    Raises ValueError for an ill-formed URL or a `ca_file` that cannot be used, and SpeedUnavailable when the embedded
    one does not start. Call it on the thread that lives as long as the process (the main one): the kernel ties the
    server to it.
    """
    if url == "embedded:":
        speed = EmbeddedSpeed(data_folder / "speed", random.random)
        await speed.start()
        return speed
    if url == "memory:":
        return ElsewhereSpeed(url)
    try:
        address = parse_address(url)
    except ValueError as error:
        raise ValueError(f"{error}; and embedded:") from error
    _look_at_authorities(address)
    return ElsewhereSpeed(url)


def _look_at_authorities(address: SpeedAddress) -> None:
    """Here, as whoever connects would only find that it cannot, again and again."""
    if address.ca_file is None:
        return
    try:
        ssl.create_default_context(cafile=address.ca_file)
    except OSError as error:
        raise ValueError(f"ca_file={address.ca_file} holds no certificates to trust: {in_words(error)}") from error
