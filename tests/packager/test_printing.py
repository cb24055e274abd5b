"""Prints of real clips: a copy in another dress is known again, another clip is not."""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from origin.prints import Likeness, Print, PrintRules, asked_bands, bands, compare
from packager.admission import Accepted, Refused, admit
from packager.children import Children
from packager.plan import means, plan_encoding
from packager.printing import make_print
from packager.probe import probe
from packager.settings import PackagerSettings
from packager.tools import Tools

pytestmark = pytest.mark.slow
Printed = Callable[[Path], Awaitable[Print]]
Dressed = Callable[..., Path]
VARIANTS = {
    "mirrored and encoded anew": ("-vf", "hflip", "-crf", "32"),
    "small and square": ("-vf", "scale=240:240,setsar=1"),
    "letterboxed": ("-vf", "pad=iw:ih*1.4:0:(oh-ih)/2"),
    "without its beginning": ("-ss", "1.7"),
    "brighter": ("-vf", "eq=brightness=0.1"),
}


@pytest.fixture
def printed(tools: Tools, settings: PackagerSettings, tmp_path: Path) -> Printed:
    async def made(path: Path) -> Print:
        found, _ = await probe(path, tools, settings.limits, tmp_path)
        assert not isinstance(found, Refused)
        accepted = admit(found, settings.limits)
        assert isinstance(accepted, Accepted)
        plan, children = plan_encoding(str(path), accepted), Children(path, tmp_path, settings, lambda _: None)
        return await make_print(plan, means(tools.ffmpeg, settings), tmp_path, lambda argv: children.run(argv, 10))

    return made


@pytest.fixture
def dressed(tools: Tools, tmp_path: Path) -> Dressed:
    def made(clip: Path, *options: str) -> Path:
        target = tmp_path / "copy.mp4"
        command = [tools.ffmpeg, "-v", "error", "-y", "-i", str(clip), *options, "-preset", "ultrafast", str(target)]
        subprocess.run(command, check=True, timeout=60)
        return target

    return made


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_copy_in_another_dress_is_found_and_is_the_same(
    printed: Printed, dressed: Dressed, clip: Callable[[str], Path], variant: str
) -> None:
    original, copy = await printed(clip("bbb")), await printed(dressed(clip("bbb"), *VARIANTS[variant]))
    assert compare(copy, original, PrintRules()) is Likeness.SAME
    assert asked_bands(copy) & bands(original)


async def test_clips_of_their_own_are_not_alike(printed: Printed, clip: Callable[[str], Path]) -> None:
    prints = [await printed(clip(name)) for name in ("bbb", "upright", "hlg")]
    assert [compare(one, other, PrintRules()) for one in prints for other in prints if one is not other] == [
        Likeness.NONE
    ] * 6


async def test_a_print_is_the_same_however_often_it_is_made(printed: Printed, clip: Callable[[str], Path]) -> None:
    assert await printed(clip("upright")) == await printed(clip("upright"))


async def test_a_clip_without_sound_has_a_print_of_its_pictures_alone(
    printed: Printed, clip: Callable[[str], Path]
) -> None:
    made = await printed(clip("silent"))
    assert made.pictures
    assert made.sound == b""
