"""What a process waits for, and what it says of an engine that went away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from deploy import readiness
from deploy.readiness import Readiness
from origin.metadata import MetadataDenied, MetadataUnavailable, MetadataUnprepared
from origin.roles import RoleUnavailable


@dataclass
class Engine:
    """Its state is what `check` finds."""

    fault: Exception | None = None

    async def check(self) -> None:
        if self.fault is not None:
            raise self.fault


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "fault", [MetadataUnavailable("nobody answers"), MetadataUnprepared("run it"), RoleUnavailable("no origin")]
)
async def test_what_is_away_or_not_prepared_is_waited_for_and_said(fault: Exception) -> None:
    engine, other = Engine(fault), Engine()
    ready = Readiness()
    waiting = asyncio.create_task(ready.wait_for({"REELWAY_A": engine.check, "REELWAY_B": other.check}))
    await until(lambda: ready.waiting.get("REELWAY_A") == str(fault))
    assert "REELWAY_B" not in ready.waiting
    engine.fault = None
    await waiting
    assert "REELWAY_A" not in ready.waiting


async def test_refused_credentials_end_the_start() -> None:
    with pytest.raises(MetadataDenied, match="wrong password"):
        await Readiness().wait_for({"REELWAY_A": Engine(MetadataDenied("wrong password")).check})


async def test_an_engine_that_hangs_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "CHECK_TIMEOUT_S", 0.01)
    ready = Readiness()
    waiting = asyncio.create_task(ready.wait_for({"REELWAY_A": asyncio.Event().wait}))
    await until(lambda: "no answer" in ready.waiting.get("REELWAY_A", ""))
    waiting.cancel()


async def test_a_serving_process_stays_ready_and_says_what_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "CHECK_EVERY_S", 0.01)
    engine, ready = Engine(), Readiness()
    ready.waiting.clear()
    watching = asyncio.create_task(ready.watch({"REELWAY_A": engine.check}))
    engine.fault = MetadataUnavailable("gone")
    await until(lambda: ready.degraded == {"REELWAY_A": "gone"})
    engine.fault = MetadataDenied("the password was changed")
    await until(lambda: ready.degraded == {"REELWAY_A": "the password was changed"})
    assert ready.waiting == {}
    engine.fault = None
    await until(lambda: ready.degraded == {})
    watching.cancel()
