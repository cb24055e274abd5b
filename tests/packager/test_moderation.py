"""The port's contract on its local backend, and the word filter."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from packager.moderation import (
    Allow,
    Evidence,
    Moderation,
    ModerationUnavailable,
    Reject,
    Review,
    UnknownModeration,
    open_moderation,
)
from packager.moderation.local import verdict_on
from packager.moderation.text import blocked_phrase


def evidence(folder: Path, description: str = "A walk by the sea") -> Evidence:
    frames = []
    for number, color in enumerate([(20, 120, 200), (200, 180, 90)]):
        frames.append(folder / f"{number}.jpg")
        Image.linear_gradient("L").resize((360, 640)).convert("RGB").point(lambda v, c=color: v * c[0] // 255).save(
            frames[-1]
        )
    return Evidence(video_id=1, creator_id=2, description=description, frames=tuple(frames))


@pytest.fixture(params=["local"])
def moderation(request: pytest.FixtureRequest) -> Moderation:
    return open_moderation(request.param)


async def test_a_harmless_clip_is_allowed(moderation: Moderation, tmp_path: Path) -> None:
    assert await moderation.judge(evidence(tmp_path)) == Allow()
    await moderation.close()


async def test_a_description_with_blocked_words_is_rejected(moderation: Moderation, tmp_path: Path) -> None:
    verdict = await moderation.judge(evidence(tmp_path, "Sending the best, B.u.y f0llowers now"))
    assert isinstance(verdict, Reject)
    assert verdict.code == "moderation"
    await moderation.close()


async def test_frames_that_cannot_be_read_say_so_and_allow_nothing(moderation: Moderation, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    with pytest.raises(ModerationUnavailable):
        await moderation.judge(Evidence(1, 2, "", (broken,)))
    await moderation.close()


def test_an_unknown_backend_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(UnknownModeration, match="allowed: local"):
        open_moderation("rekognition")


@pytest.mark.parametrize(
    ("scores", "kind"),
    [([], Review), ([0.01, 0.2], Allow), ([0.9, 0.1], Reject), ([0.7, 0.65, 0.1], Reject), ([0.7, 0.1], Review)],
)
def test_one_certain_or_two_likely_frames_reject(scores: list[float], kind: type) -> None:
    assert isinstance(verdict_on(scores), kind)


@pytest.mark.parametrize("text", ["KYS", "k y s", "p0rn", "PÖRN", "buy   followers", "k.y.s loser", "ｐｏｒｎ"])
def test_cheap_disguises_do_not_help(text: str) -> None:
    assert blocked_phrase(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Skys the limit",
        "popcorn time",
        "I buy bread; followers welcome",
        "a b c d e",
        "Sport in 4K, take 1",
        "Essex 🌊",
    ],
)
def test_innocent_words_that_contain_others_pass(text: str) -> None:
    assert blocked_phrase(text) is None


@given(st.text(max_size=300))
def test_any_text_can_be_looked_at(text: str) -> None:
    blocked_phrase(text)
