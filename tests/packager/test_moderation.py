"""The port's contract on each backend, and the word filter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from botocore.stub import ANY, Stubber
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
from packager.moderation.labels import Label, read_labels, verdict_of
from packager.moderation.local import verdict_on
from packager.moderation.rekognition import RekognitionModeration
from packager.moderation.text import blocked_phrase

Opened = Callable[..., Moderation]


def evidence(folder: Path, description: str = "A walk by the sea") -> Evidence:
    frames = []
    for number, color in enumerate([(20, 120, 200), (200, 180, 90)]):
        frames.append(folder / f"{number}.jpg")
        Image.linear_gradient("L").resize((360, 640)).convert("RGB").point(lambda v, c=color: v * c[0] // 255).save(
            frames[-1]
        )
    return Evidence(video_id=1, creator_id=2, description=description, frames=tuple(frames))


def rekognition(*answers: list[dict[str, object]] | str) -> RekognitionModeration:
    """Answers with these labels, or this error, to one frame after the other."""
    client = boto3.client("rekognition", region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s")
    wire = Stubber(client)
    for answer in answers:
        if isinstance(answer, str):
            wire.add_client_error("detect_moderation_labels", answer)
        else:
            asked = {"Image": {"Bytes": ANY}, "MinConfidence": 60.0}
            wire.add_response("detect_moderation_labels", {"ModerationLabels": answer}, asked)
    wire.activate()
    return RekognitionModeration(client)


def label(name: str, confidence: float) -> dict[str, object]:
    return {"Name": name, "Confidence": confidence, "ParentName": ""}


def local(*_: list[dict[str, object]] | str) -> Moderation:
    return open_moderation("local", int)


@pytest.fixture(params=[local, rekognition])
def opened(request: pytest.FixtureRequest) -> Opened:
    """Opens a backend; the argument is what a remote one answers to each frame."""
    backend: Opened = request.param
    return backend


@pytest.fixture
def moderation(opened: Opened) -> Moderation:
    return opened([], [])


async def test_a_harmless_clip_is_allowed(moderation: Moderation, tmp_path: Path) -> None:
    assert await moderation.judge(evidence(tmp_path)) == Allow()
    await moderation.close()


async def test_a_description_with_blocked_words_is_rejected(moderation: Moderation, tmp_path: Path) -> None:
    verdict = await moderation.judge(evidence(tmp_path, "Sending the best, B.u.y f0llowers now"))
    assert isinstance(verdict, Reject)
    assert verdict.code == "moderation"
    await moderation.close()


async def test_frames_that_cannot_be_read_say_so_and_allow_nothing(opened: Opened, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    backend = opened("InvalidImageFormatException")
    with pytest.raises(ModerationUnavailable):
        await backend.judge(Evidence(1, 2, "", (broken,)))
    await backend.close()


async def test_frames_that_are_not_there_allow_nothing(moderation: Moderation, tmp_path: Path) -> None:
    with pytest.raises(ModerationUnavailable):
        await moderation.judge(Evidence(1, 2, "", (tmp_path / "gone.jpg",)))
    await moderation.close()


def test_an_unknown_backend_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(UnknownModeration, match="local, rekognition or webhook:"):
        open_moderation("hive", int)


async def test_rekognition_rejects_what_it_is_certain_of_and_asks_a_person_where_it_is_not(tmp_path: Path) -> None:
    certain = await rekognition([], [label("Explicit", 97)]).judge(evidence(tmp_path))
    assert certain == Reject(
        "moderation", "This clip seems to show nudity or sexual content, which is not allowed here."
    )
    assert await rekognition([label("Violence", 71)], []).judge(evidence(tmp_path)) == Review("Violence 71 %")
    assert await rekognition([label("Alcohol", 99)], []).judge(evidence(tmp_path)) == Allow()


@pytest.mark.parametrize(
    "error", ["ThrottlingException", "AccessDeniedException", "ProvisionedThroughputExceededException"]
)
async def test_rekognition_that_refuses_or_is_busy_allows_nothing(error: str, tmp_path: Path) -> None:
    backend = rekognition(error, error)
    with pytest.raises(ModerationUnavailable, match=error):
        await backend.judge(evidence(tmp_path))
    await backend.close()


def test_a_clip_that_no_frame_speaks_for_goes_to_a_person() -> None:
    assert isinstance(verdict_of([]), Review)
    assert verdict_of([(Label("Explicit", 89.9),), (Label("Violence", 61),)]) == Review("Explicit 90 %")


@pytest.mark.parametrize("answer", [{}, {"ModerationLabels": [{}]}, {"ModerationLabels": 3}, {"ModerationLabels": [1]}])
def test_what_is_no_answer_of_rekognition_is_said_so(answer: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no moderation labels"):
        read_labels(answer)


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
