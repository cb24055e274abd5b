"""Every input of the corpus ends as its line says: published whole, or refused with nothing published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from packager.package import Hooks, NotPackaged, Package, Packaged
from packager.pipeline import package_file
from packager.settings import PackagerSettings
from packager.tools import Tools
from tests.packager.corpus import PUBLISHED, REFUSED

pytestmark = pytest.mark.slow
ELSEWHERE = {"bbb", "rotated", "upright", "growing", "calm", "lively", "ntsc", "wide_pixels", "sync"}
"""Large ones that are taken apart in other tests."""


def test_the_corpus_is_large_enough() -> None:
    assert len({**PUBLISHED, **REFUSED}) >= 40


@pytest.mark.parametrize("name", sorted({*PUBLISHED, *REFUSED} - ELSEWHERE))
async def test_each_input_ends_as_it_should(
    name: str, clip: Callable[[str], Path], tools: Tools, settings: PackagerSettings, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    published: list[Package] = []

    async def publish(package: Package) -> None:
        published.append(package)

    hooks = Hooks(publish=publish)
    ended = await package_file(
        clip(name), tmp_path / "out", work_folder=work, tools=tools, settings=settings, hooks=hooks
    )
    if name in REFUSED:
        assert isinstance(ended, NotPackaged)
        assert ended.reason.code == REFUSED[name]
        assert published == []
        return
    assert isinstance(ended, Packaged), ended
    assert tuple(folder.partition("-")[0] for folder in ended.package.renditions) == PUBLISHED[name]
    assert published[-1].complete
    assert sum(path.suffix == ".json" for path in work.iterdir()) == 0  # every child was accounted for
