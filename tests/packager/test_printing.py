"""Prints of real clips: a copy in another dress is known again, another clip is not."""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from origin.prints import (
    HASH_BYTES,
    PICTURES_PER_S,
    Likeness,
    Print,
    PrintRules,
    asked_bands,
    bands,
    compare,
    glimpsed_bands,
    resembles,
)
from packager.admission import Accepted, Refused, admit
from packager.children import Children
from packager.encode import first_argv
from packager.plan import EncodePlan, Means, keyframe_samples, means, plan_encoding, video_file
from packager.printing import Run, make_glimpses, make_print
from packager.probe import probe
from packager.samples import SAMPLE_PATTERN, clip_samples_argv
from packager.settings import PackagerSettings
from packager.tools import Tools

pytestmark = pytest.mark.slow
Planned = Callable[[Path], Awaitable[tuple[EncodePlan, Means, Run]]]
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
def planned(tools: Tools, settings: PackagerSettings, tmp_path: Path) -> Planned:
    async def made(path: Path) -> tuple[EncodePlan, Means, Run]:
        found, _ = await probe(path, tools, settings.limits, tmp_path)
        assert not isinstance(found, Refused)
        accepted = admit(found, settings.limits)
        assert isinstance(accepted, Accepted)
        children = Children(path, tmp_path, settings, lambda _: None)
        plan = plan_encoding(str(path), accepted)
        return plan, means(tools.ffmpeg, settings), lambda argv: children.run(argv, 10)

    return made


@pytest.fixture
def printed(planned: Planned, tmp_path: Path) -> Printed:
    async def made(path: Path) -> Print:
        plan, ours, run = await planned(path)
        return await make_print(plan, ours, tmp_path, run)

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


@pytest.mark.parametrize("name", ["bbb", "rotated", "interlaced"])
async def test_pictures_that_an_encoder_takes_along_say_the_same_as_those_that_are_decoded_for_it(
    planned: Planned, clip: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    plan, ours, run = await planned(clip(name))
    assert not plan.remuxed
    await run(first_argv(plan, ours))
    beside = await make_print(plan, ours, tmp_path, run, beside=True)
    decoded = await make_print(plan, ours, tmp_path, run)
    assert beside.sound == decoded.sound
    assert len(beside.pictures) == round(plan.duration_s * PICTURES_PER_S) * HASH_BYTES
    assert compare(beside, decoded, PrintRules()) is Likeness.SAME
    assert asked_bands(beside) & bands(decoded)


@pytest.mark.parametrize("variant", VARIANTS)
async def test_the_sample_frames_of_a_copy_resemble_the_original(
    planned: Planned, printed: Printed, dressed: Dressed, clip: Callable[[str], Path], tmp_path: Path, variant: str
) -> None:
    original = await printed(clip("bbb"))
    plan, ours, run = await planned(dressed(clip("bbb"), "-g", "12", *VARIANTS[variant]))
    times = keyframe_samples(plan.video)
    await run(clip_samples_argv(plan, ours, times))
    glimpses = make_glimpses([tmp_path / (SAMPLE_PATTERN % number) for number in range(1, len(times) + 1)])
    assert len(glimpses.pictures) == len(times) * HASH_BYTES
    assert resembles(glimpses, original, PrintRules())
    assert glimpsed_bands(glimpses) & bands(original)
    assert not resembles(glimpses, await printed(clip("upright")), PrintRules())


async def test_what_is_published_of_a_clip_in_hdr_is_known_when_it_comes_back(
    planned: Planned, printed: Printed, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    plan, ours, run = await planned(clip("hlg_long"))
    await run(first_argv(plan, ours))
    original = await make_print(plan, ours, tmp_path, run, beside=True)
    published = (tmp_path / video_file(plan.ladder.first)).rename(tmp_path / "copy.mp4")
    assert compare(await printed(published), original, PrintRules()) is Likeness.SAME


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
