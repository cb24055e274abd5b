"""What a failed look says of the clip, and what it says of us."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from packager.probe import probe
from packager.process import ProcessNotRun
from packager.settings import UploadLimits
from packager.tools import Tools

FTYP = b"\0\0\0\x18ftypisom\0\0\0\0isommp42"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Begins as a clip does."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(FTYP + b"nothing that a demuxer knows" * 100)
    return path


async def test_a_prober_that_cannot_be_started_says_nothing_about_the_clip(
    damaged: Path, tools: Tools, tmp_path: Path
) -> None:
    with pytest.raises(ProcessNotRun):
        await probe(damaged, replace(tools, ffprobe="/nowhere/ffprobe"), UploadLimits(), tmp_path)
