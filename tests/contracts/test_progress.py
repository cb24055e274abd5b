"""What every backend of the notes on packaging promises. A backend is added to `conftest.SPEED_LAYERS`, never
special-cased below."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from origin.progress import Packaging, ProgressNotes, RungProgress, Stage, open_progress
from origin.progress.base import TTL_S
from tests.ports import free_port

NOW_MS = 1_800_000_000_000
RUNGS = (RungProgress(1920, 0.25, False), RungProgress(960, 1.0, True))
ENCODING = Packaging(Stage.ENCODING_REST, RUNGS)


@dataclass
class Clock:
    now_ms: int = field(default=NOW_MS)

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
async def notes(layer) -> AsyncIterator[ProgressNotes]:
    opened = open_progress(layer.fresh(), Clock())
    # The first command connects, which may take longer than a courtesy is waited for.
    await opened.noted([1])
    yield opened
    await opened.close()


async def test_of_a_video_without_a_note_nothing_is_told(notes):
    assert await notes.noted([1, 2]) == {}
    assert await notes.noted([]) == {}


async def test_a_note_comes_back_as_it_was_written_and_the_next_takes_its_place(notes):
    await notes.note(1, Packaging(Stage.CHECKING))
    await notes.note(2, Packaging(Stage.CHECKING))
    await notes.note(1, ENCODING)
    assert await notes.noted([1, 2, 3]) == {1: ENCODING, 2: Packaging(Stage.CHECKING)}


@pytest.mark.parametrize("stage", Stage)
async def test_every_stage_can_be_noted(notes, stage):
    await notes.note(1, Packaging(stage))
    assert (await notes.noted([1]))[1].stage is stage


async def test_what_is_forgotten_is_told_no_more(notes):
    await notes.note(1, ENCODING)
    await notes.forget(1)
    await notes.forget(1)
    assert await notes.noted([1]) == {}


async def test_in_memory_a_note_ends_after_its_time_and_takes_no_room():
    clock = Clock()
    notes = open_progress("memory:", clock)
    await notes.note(1, ENCODING)
    clock.now_ms += 1000 * TTL_S - 1
    await notes.note(2, ENCODING)
    assert set(await notes.noted([1, 2])) == {1, 2}
    clock.now_ms += 1
    assert set(await notes.noted([1, 2])) == {2}
    assert len(notes._notes) == 1


async def test_in_the_speed_layer_a_note_has_a_time_to_live(redis_single):
    from origin.speed.clients import command, open_client

    url = redis_single.address.url
    notes, client = open_progress(url, Clock()), open_client(url)
    await client.one(command("DEL", "packaging:1"), 5)
    await notes.noted([1])
    await notes.note(1, ENCODING)
    assert 0 < await client.one(command("TTL", "packaging:1"), 5) <= TTL_S
    await client.one(command("SET", "packaging:1", '{"stage":"of a newer version","rungs":[]}'), 5)
    assert await notes.noted([1]) == {}
    await client.close()
    await notes.close()


async def test_without_a_speed_layer_notes_are_lost_and_nobody_fails():
    notes = open_progress(f"redis://127.0.0.1:{free_port()}", Clock())
    await notes.note(1, ENCODING)
    assert await notes.noted([1]) == {}
    await notes.forget(1)
    await notes.close()


async def test_a_frozen_speed_layer_is_waited_for_once_and_not_at_every_report():
    asked: list[asyncio.StreamWriter] = []

    async def freeze(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(writer)

    server = await asyncio.start_server(freeze, "127.0.0.1", 0)
    notes = open_progress(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", Clock())
    for _ in range(20):
        await notes.note(1, ENCODING)
        assert await notes.noted([1]) == {}
    assert len(asked) == 1
    await notes.close()
    for writer in asked:
        writer.close()
    server.close()
