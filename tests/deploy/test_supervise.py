"""Loops that must not die, and that end in order."""

from __future__ import annotations

import asyncio

import pytest

from deploy import supervise
from deploy.supervise import Supervisor


async def test_a_loop_that_fails_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "RESTART_FIRST_S", 0.01)
    runs = 0
    alive = asyncio.Event()

    async def flaky() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RuntimeError("boom")
        alive.set()
        await asyncio.Event().wait()

    supervisor = Supervisor()
    supervisor.add("flaky", flaky)
    await asyncio.wait_for(alive.wait(), 30)
    assert supervisor.restarts() == {"flaky": 2}
    await supervisor.drain(1)


async def test_the_last_loop_added_ends_first_and_a_stuck_one_is_cancelled() -> None:
    ended: list[str] = []

    async def run(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def never() -> None:
        await asyncio.Event().wait()

    supervisor = Supervisor()
    supervisor.add("engine", lambda: run("engine"))
    supervisor.add("stuck", lambda: run("stuck"), drain=never)
    await asyncio.sleep(0)
    await supervisor.drain(0.05)
    assert ended == ["stuck", "engine"]
