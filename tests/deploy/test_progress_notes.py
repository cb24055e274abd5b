"""Where a process keeps its notes on packaging: they cost no engine and no waiting."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from deploy.clock import now_ms
from deploy.engines import CannotStart, Engines
from deploy.roles import Role
from deploy.services.addresses import Redis
from deploy.services.service import Service
from deploy.settings import load
from origin.progress import Packaging, RungProgress, Stage

ENCODING = Packaging(Stage.ENCODING_FIRST, (RungProgress(960, 0.5, True),))


def engines_at(url: str, folder: Path, stack: AsyncExitStack) -> Engines:
    return Engines(load(folder, {"REELWAY_REDIS_URL": url, "REELWAY_DATA": str(folder)}), now_ms, stack)


async def test_a_packager_and_an_origin_on_one_speed_layer_share_them(
    redis_single: Service[Redis], tmp_path: Path
) -> None:
    url = redis_single.address.url
    async with AsyncExitStack() as stack:
        packager, origin = (engines_at(url, tmp_path / name, stack).progress() for name in ("packager", "origin"))
        for notes in (packager, origin):
            await notes.noted([1])
        await packager.note(1, ENCODING)
        assert await origin.noted([1]) == {1: ENCODING}
        await packager.forget(1)


async def test_a_packager_on_its_own_starts_no_speed_layer_and_waits_for_none(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        engines = engines_at("embedded:", tmp_path, stack)
        await engines.open([Role.PACKAGER])
        await engines.progress().note(1, ENCODING)
        assert "REELWAY_REDIS_URL" not in engines.checks
        assert not (tmp_path / "speed").exists()


async def test_a_setting_that_is_no_url_is_named(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(CannotStart, match="REELWAY_REDIS_URL"):
            engines_at("redis://host/x/y", tmp_path, stack).progress()
