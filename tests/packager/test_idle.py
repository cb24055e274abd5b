"""When a packager counts as idle."""

from __future__ import annotations

import asyncio

import pytest

from packager.idle import Idle, StillBusy


async def test_before_the_first_upload_it_is_idle() -> None:
    await Idle(settled_s=60).until_idle(0.01)


async def test_between_two_jobs_of_a_backlog_it_is_not_idle() -> None:
    idle = Idle(settled_s=0.3)
    waiting = asyncio.create_task(idle.until_idle())
    for _ in range(20):
        with idle.upload():
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    async with asyncio.timeout(10):
        await waiting


async def test_a_backlog_that_lasts_longer_than_the_patience_is_said_whatever_its_gaps() -> None:
    idle = Idle(settled_s=60)
    with idle.upload():
        pass
    with pytest.raises(StillBusy):
        await idle.until_idle(0.01)
