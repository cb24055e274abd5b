"""What a process waits for, and what it says of an engine that went away."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import pytest

from deploy import readiness
from deploy.engines import CannotStart
from deploy.readiness import Readiness
from deploy.telemetry import exposition
from origin.metadata import MetadataDenied, MetadataUnavailable, MetadataUnprepared
from origin.roles import RoleUnavailable
from origin.speed import SpeedUnreplicated


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


async def test_refused_credentials_end_the_start_with_the_setting_that_gives_them() -> None:
    with pytest.raises(CannotStart, match="REELWAY_A: wrong password"):
        await Readiness().wait_for({"REELWAY_A": Engine(MetadataDenied("wrong password")).check})


async def test_an_engine_that_lacks_a_part_only_is_not_waited_for_but_said() -> None:
    engine, ready = Engine(SpeedUnreplicated("no replica has it")), Readiness()
    await ready.wait_for({"REELWAY_A": engine.check, "REELWAY_B": Engine().check})
    assert "REELWAY_A" not in ready.waiting
    assert ready.degraded == {"REELWAY_A": "no replica has it"}
    told = exposition({"engines": ready.stats}).decode()
    assert 'reelway_engines_degraded{kind="REELWAY_A"} 1.0' in told
    assert 'reelway_engines_degraded{kind="REELWAY_B"} 0.0' in told


async def test_an_engine_that_hangs_is_said_to_with_the_setting_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "CHECK_TIMEOUT_S", 0.01)
    ready = Readiness()
    waiting = asyncio.create_task(ready.wait_for({"REELWAY_A": asyncio.Event().wait}))
    await until(lambda: "start what REELWAY_A names" in ready.waiting.get("REELWAY_A", ""))
    waiting.cancel()


async def test_a_serving_process_stays_ready_and_says_what_is_away_once_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
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
    assert caplog.messages == ["an engine is away", "an engine is back"]
    assert ready.stats.degraded == {"REELWAY_A": 0}
