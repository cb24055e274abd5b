"""`reelway dlq`: dead letters are listed with their reasons and replayed once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from deploy.cli.deadletters import replay_letter
from deploy.cli.terminal import Failed
from deploy.settings import Settings, load
from origin.deadletters import WHOLE_BYTES, Poison, again, dead_letter, read_letter, waiting
from origin.eventlog import EventLog, Position, Record, open_eventlog, prepare_eventlog
from origin.events import MalformedEvent, Topic, UploadEvent, WebhookEvent, decode, encode
from origin.metadata import open_metadata
from origin.model import Failure, Video, VideoStatus, Visibility
from tests.kafka_topics import topics_of_our_own

NOW_MS = 1_800_000_000_000
GIVEN_UP = UploadEvent(5, 7, "raw/5", 1, attempt=3, error_code="encoder_failed", error_detail="no frames\nat all")
Run = Callable[..., tuple[int, str]]


def letter_of(value: bytes, topic: str = Topic.UPLOADS) -> tuple[str, str, bytes]:
    """The letter for a record that this version cannot read."""
    record = Record(Position(topic, 0, 3), "5", value, NOW_MS)
    with pytest.raises(MalformedEvent) as error:
        decode(UploadEvent, value)
    return dead_letter(record, "packager", error.value)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "var").mkdir()
    return load(tmp_path)


@pytest.fixture
def run(reelway: Run) -> Run:
    return partial(reelway, "dlq")


async def fill(settings: Settings) -> None:
    log = open_eventlog(settings.events_url, lambda: NOW_MS)
    await log.append(Topic.UPLOADS_DEAD, "5", encode(GIVEN_UP))
    await log.append(*letter_of(b'{"schema":99}'))
    await log.append(*letter_of(b"\xff", Topic.INTERACTIONS))
    await log.close()
    metadata = open_metadata(settings.metadata_url)
    await metadata.create_video(Video(5, 7, "", VideoStatus.PROCESSING, Visibility.PUBLIC, NOW_MS))
    await metadata.transition(5, {VideoStatus.PROCESSING}, VideoStatus.FAILED, Failure("processing_failed", "sorry"))
    await metadata.close()


async def uploads(log: EventLog) -> list[UploadEvent]:
    return [decode(UploadEvent, record.value) for record in await log.read(Topic.UPLOADS, {}, 10)]


async def status(settings: Settings) -> VideoStatus:
    metadata = open_metadata(settings.metadata_url)
    try:
        return (await metadata.video(5)).status
    finally:
        await metadata.close()


def test_letters_are_listed_with_their_reasons_and_shown_whole(run: Run, settings: Settings) -> None:
    asyncio.run(fill(settings))
    code, out = run("list", "--json")
    given_up, newer = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert given_up == {
        "letter": "0/0",
        "video_id": "5",
        "attempt": 3,
        "code": "encoder_failed",
        "detail": "no frames",
    }
    assert newer["code"] == "newer_schema"
    assert "upgrade" in newer["detail"]
    assert "at all" in run("show", "0/0")[1]
    (other,) = run("list", "--json", "--topic", "interactions.dlq")[1].splitlines()
    assert json.loads(other)["user_id"] == "5"


def test_a_letter_is_replayed_once_and_the_others_stay(run: Run, settings: Settings) -> None:
    asyncio.run(fill(settings))
    assert run("replay", "0/0", "--json") == (0, '{"letter": "0/0", "video_id": "5"}\n')
    code, words = run("replay", "0/0")
    assert code == 1
    assert "no dead letter 0/0" in words
    assert [json.loads(line)["letter"] for line in run("list", "--json")[1].splitlines()] == ["0/1"]

    async def look() -> None:
        log = open_eventlog(settings.events_url, lambda: NOW_MS)
        assert await uploads(log) == [UploadEvent(5, 7, "raw/5", 1)]
        await log.close()
        assert await status(settings) is VideoStatus.QUEUED

    asyncio.run(look())


def test_what_this_version_cannot_read_is_not_replayed(run: Run, settings: Settings) -> None:
    asyncio.run(fill(settings))
    code, words = run("replay", "0/1")
    assert code == 1
    assert "upgrade" in words
    assert len(run("list", "--json")[1].splitlines()) == 2


def test_those_that_can_be_replayed_are_also_beside_one_that_cannot(run: Run, settings: Settings) -> None:
    asyncio.run(fill(settings))
    code, words = run("replay", "0/1", "0/9", "0/0")
    assert code == 1
    told = words.splitlines()
    assert "upgrade" in told[0]
    assert "no dead letter 0/9" in told[1]
    assert "0/0 is queued again" in told[2]
    assert told[3].endswith("2 of 3 letters were not replayed")


def test_a_record_that_a_newer_version_can_read_goes_back_to_where_it_was() -> None:
    value = encode(GIVEN_UP)
    record = Record(Position(Topic.UPLOADS_RETRY, 4, 9), "5", value, NOW_MS)
    topic, key, letter = dead_letter(record, "packager", MalformedEvent("an older version could not read it"))
    read = read_letter(Record(Position(topic, 0, 0), key, letter, NOW_MS))
    assert again(read) == (Topic.UPLOADS_RETRY, value)


def test_a_clip_that_a_person_allowed_is_not_judged_again_when_its_letter_is_replayed() -> None:
    record = Record(Position(Topic.UPLOADS_DEAD, 0, 0), "5", encode(replace(GIVEN_UP, cleared=True)), NOW_MS)
    _, value = again(read_letter(record))
    event = decode(UploadEvent, value)
    assert (event.cleared, event.attempt, event.error_code) == (True, 0, "")


def test_of_a_very_large_record_only_the_beginning_is_kept() -> None:
    topic, key, value = letter_of(b"x" * (WHOLE_BYTES + 1))
    assert len(value) < WHOLE_BYTES
    with pytest.raises(MalformedEvent, match="only the beginning"):
        again(read_letter(Record(Position(topic, 0, 0), key, value, NOW_MS)))


@pytest.mark.slow
async def test_letters_on_kafka_are_replayed_once(kafka, settings: Settings) -> None:
    async with topics_of_our_own(kafka.hosts, ["unused"], partitions=1) as prefix:
        url = f"{kafka.url}&topic_prefix={prefix}&partitions=2&append_deadline_ms=20000"
        await prepare_eventlog(url)
        there = replace(settings, events_url=url)
        await fill(there)
        log = open_eventlog(url, lambda: NOW_MS)
        await replay_letter(there, "uploads.dlq", "0/0", log)
        with pytest.raises(Failed, match="no dead letter"):
            await replay_letter(there, "uploads.dlq", "0/0", log)
        assert await uploads(log) == [UploadEvent(5, 7, "raw/5", 1)]
        assert len(waiting(await log.read("uploads.dlq", {}, 10))) == 1
        await log.close()


def test_a_message_that_no_receiver_took_is_listed_and_sent_again(run: Run, settings: Settings) -> None:
    given_up = WebhookEvent(9, 7, "msg_5_ready_1", "video.ready", "{}", 8, 334, "status_503")

    async def told() -> list[WebhookEvent]:
        log = open_eventlog(settings.events_url, lambda: NOW_MS)
        if not await log.read(Topic.WEBHOOKS_DEAD, {}, 1):
            await log.append(Topic.WEBHOOKS_DEAD, "9", encode(given_up))
        queued = [decode(WebhookEvent, each.value) for each in await log.read(Topic.WEBHOOKS, {}, 10)]
        await log.close()
        return queued

    asyncio.run(told())
    code, out = run("list", "--topic", "webhooks.dlq", "--json")
    row = {"letter": "0/0", "webhook_id": "9", "attempt": 8, "code": "status_503", "detail": ""}
    assert (code, json.loads(out)) == (0, row)
    code, out = run("replay", "0/0", "--topic", "webhooks.dlq")
    assert code == 0
    assert "webhook_id 9" in out
    assert asyncio.run(told()) == [replace(given_up, attempt=0, put_off=0, error_code="")]


def test_a_letter_for_what_broke_says_how_in_few_words_and_can_be_replayed() -> None:
    value = encode(WebhookEvent(9, 7, "msg_5_ready_1", "video.ready", "{}"))
    record = Record(Position(Topic.WEBHOOKS, 0, 3), "9", value, NOW_MS)
    topic, key, written = dead_letter(record, "webhooks", KeyError("x" * 9999))
    letter = read_letter(Record(Position(topic, 0, 0), key, written, NOW_MS))
    assert isinstance(letter, Poison)
    assert (letter.code, letter.detail[:12]) == ("unforeseen", "KeyError: 'x")
    assert len(letter.detail) == 500
    assert again(letter) == (Topic.WEBHOOKS, value)
