"""The demo clips are clips that the packager takes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from packager.admission import Accepted, Refused, admit
from packager.demo import make_demo_clip
from packager.demo_scenes import SCENES
from packager.probe import probe
from packager.settings import UploadLimits
from packager.tools import Tools


def test_there_are_a_dozen_scenes_of_different_looks_and_titles() -> None:
    assert len(SCENES) == len({scene.title for scene in SCENES}) == len({scene.picture for scene in SCENES}) == 12


@pytest.mark.slow
@pytest.mark.parametrize("index", range(len(SCENES)), ids=[scene.title for scene in SCENES])
async def test_every_scene_renders_to_an_admissible_portrait_clip_with_sound(
    index: int, tools: Tools, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    await make_demo_clip(path, index, 0.5)
    found, _ = await probe(path, tools, UploadLimits(), tmp_path)
    assert not isinstance(found, Refused)
    accepted = admit(found, UploadLimits())
    assert isinstance(accepted, Accepted)
    assert (accepted.video.width, accepted.video.height) == (720, 1280)
    assert accepted.video.frame_rate == Fraction(30)
    assert found.audio is not None
