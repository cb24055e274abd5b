"""Steps that are tried until they succeed. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from origin.retry import Backoff

R = TypeVar("R")


async def surely(
    step: Callable[[], Awaitable[R]],
    errors: tuple[type[Exception], ...],
    backoff: Backoff,
    chance: Callable[[], float],
    failed: Callable[[Exception, int], None],
) -> R:
    """What the step gives, however often it fails with one of `errors` before; `failed` is told each and its number,
    from 0. `chance` gives random numbers in [0, 1)."""
    attempt = 0
    while True:
        try:
            return await step()
        except errors as error:
            failed(error, attempt)
            await asyncio.sleep(backoff.delay_s(attempt, chance()))
            attempt += 1
