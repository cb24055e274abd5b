"""The upload client against the gateway over real sockets: several connections, breaks, other processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from deploy import uploading
from deploy.client import ApiProblem, Client
from tests.edge.ingest.test_real_clients import System, served, the_one_upload_event

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 60_000
Do = Callable[[Callable[[Client], Any]], Any]


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    system = System(tmp_path)
    yield system
    await system.close()


@pytest.fixture
async def do(system: System) -> AsyncIterator[Do]:
    """Runs a blocking conversation beside the server."""
    async with served(system.app) as address:

        def talk(conversation: Callable[[Client], Any]) -> Any:
            client = Client(address)
            try:
                client.open_session(None)
                return conversation(client)
            finally:
                client.close()

        yield lambda conversation: asyncio.to_thread(talk, conversation)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(CLIP)
    return path


async def stored(system: System) -> bytes:
    event = await the_one_upload_event(system)
    return b"".join([block async for block in system.objects.get(event.raw_s3_path)])


@pytest.mark.parametrize("connections", [1, 4])
async def test_a_clip_arrives_over_any_number_of_connections(
    system: System, do: Do, clip: Path, connections: int
) -> None:
    told: list[int] = []

    def conversation(client: Client) -> str:
        begun = uploading.begin(client, clip, "by the #sea", connections)
        assert len(begun.pieces) == connections
        uploading.send(client, begun, clip, told.append)
        return begun.video_id

    video_id = await do(conversation)
    assert await stored(system) == CLIP
    assert str((await the_one_upload_event(system)).video_id) == video_id
    assert told[-1] == len(CLIP)
    assert told == sorted(told)
    assert (await system.metadata.video(int(video_id))).description == "by the #sea"


async def test_another_process_goes_on_with_the_pieces_of_one_that_was_stopped(
    system: System, do: Do, clip: Path
) -> None:
    def stopped(client: Client) -> str:
        begun = uploading.begin(client, clip, "", 3)

        def stop(offset: int) -> None:
            if offset:
                raise KeyboardInterrupt

        # A part of one piece, and then whatever is sent until it is stopped.
        client.request(
            "PATCH",
            begun.pieces[1].location,
            headers={
                "Tus-Resumable": "1.0.0",
                "Upload-Offset": "0",
                "Content-Type": "application/offset+octet-stream",
            },
            content=CLIP[begun.pieces[1].start :][:1000],
        )
        with pytest.raises(KeyboardInterrupt):
            uploading.send(client, begun, clip, stop)
        return json.dumps(begun.to_json())

    def goes_on(client: Client) -> None:
        begun = uploading.from_json(json.loads(kept))
        assert uploading.is_there(client, begun)
        uploading.send(client, begun, clip, lambda _: None)
        # Asked once more, as after a lost answer, nothing is sent again.
        uploading.send(client, begun, clip, lambda _: None)

    token: list[str] = []

    def first(client: Client) -> str:
        token.append(client.token)
        return stopped(client)

    kept = await do(first)

    def second(client: Client) -> None:
        client.token = token[0]
        goes_on(client)

    await do(second)
    assert await stored(system) == CLIP


async def test_what_the_server_refuses_ends_every_connection_with_its_reason(
    system: System, do: Do, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.mp4"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1 << 20))

    def conversation(client: Client) -> None:
        begun = uploading.begin(client, picture, "", 2)
        uploading.send(client, begun, picture, lambda _: None)

    with pytest.raises(ApiProblem) as refused:
        await do(conversation)
    assert refused.value.status in (404, 415)


async def test_pieces_of_an_upload_that_could_not_begin_are_ended(system: System, do: Do, clip: Path) -> None:
    def conversation(client: Client) -> None:
        for _ in range(8):
            client.create_piece(5)
        with pytest.raises(ApiProblem) as refused:
            uploading.begin(client, clip, "", 4)
        assert refused.value.code == "too_many_uploads"
        client.create_piece(5)
        client.create_piece(5)

    await do(conversation)


async def test_a_short_way_takes_one_connection(do: Do) -> None:
    assert await do(lambda client: uploading.connections(client, 1 << 20)) == 1
