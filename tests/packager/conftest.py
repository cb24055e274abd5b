"""Real clips for the packager's tests, rendered once a session, and the means to take a package apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from packager.settings import PackagerSettings
from packager.tools import Tools, find_tools
from tests.packager.corpus import ClipMaker
from tests.packager.packages import PackageMaker


@pytest.fixture(scope="session")
def tools() -> Tools:
    return find_tools(PackagerSettings())


@pytest.fixture(scope="session")
def settings() -> PackagerSettings:
    """Nothing is published while it grows, which would depend on what else the machine does."""
    return PackagerSettings(free_bytes=1, growth_speed=1e9)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, tools: Tools) -> Callable[[str], Path]:
    return ClipMaker(tmp_path_factory.mktemp("clips"), tools.ffmpeg)


@pytest.fixture(scope="session")
def package(
    tmp_path_factory: pytest.TempPathFactory, clip: Callable[[str], Path], tools: Tools, settings: PackagerSettings
) -> PackageMaker:
    return PackageMaker(tmp_path_factory.mktemp("packages"), clip, tools, settings, {})
