"""tus-js-client, unmodified: chunks, resuming, pieces at once, and the versions of the IETF draft that it speaks."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.edge.ingest.test_real_clients import CLIP, System, a_session, served, the_one_upload_event

SCRIPT = Path(__file__).with_name("tus_js.mjs")
LIBRARY = SCRIPT.parents[3] / "edge" / "web" / "node_modules" / "tus-js-client"
pytestmark = pytest.mark.skipif(
    not LIBRARY.exists() or shutil.which("node") is None, reason="needs Node.js and the packages of edge/web"
)


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    system = System(tmp_path)
    yield system
    await system.close()


async def uploaded(system: System, tmp_path: Path, body: bytes = CLIP, **options: Any) -> Any:
    (tmp_path / "clip.mp4").write_bytes(body)
    async with served(system.app) as address:
        session = await a_session(address)
        token = session["Authorization"].removeprefix("Bearer ")
        arguments = [f"{address}/v1/uploads", token, str(tmp_path / "clip.mp4"), json.dumps(options)]
        node = await asyncio.create_subprocess_exec("node", str(SCRIPT), *arguments, stdout=asyncio.subprocess.PIPE)
        out, _ = await node.communicate()
    return json.loads(out)


async def stored(system: System) -> bytes:
    event = await the_one_upload_event(system)
    return b"".join([block async for block in system.objects.get(event.raw_s3_path)])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunkSize": 500_000},
        {"chunkSize": 500_000, "uploadDataDuringCreation": True},
        {"chunkSize": 500_000, "abortAt": 1_000_000},
        {"overridePatchMethod": True},
        {"uploadLengthDeferred": True, "chunkSize": 700_000},
        {"parallelUploads": 3},
        {"parallelUploads": 2, "chunkSize": 300_000},
        {"protocol": "ietf-draft-03"},
        {"protocol": "ietf-draft-03", "chunkSize": 500_000, "abortAt": 1_000_000},
        {"protocol": "ietf-draft-05"},
        {"protocol": "ietf-draft-05", "chunkSize": 500_000, "abortAt": 1_000_000},
    ],
    ids=str,
)
async def test_a_clip_arrives_whole_and_becomes_one_video(
    system: System, tmp_path: Path, options: dict[str, Any]
) -> None:
    told = await uploaded(system, tmp_path, **options)
    assert "error" not in told, told
    assert await stored(system) == CLIP
    video = await system.metadata.video((await the_one_upload_event(system)).video_id)
    if "protocol" not in options:
        assert video.description == "Größe #cats"


async def test_it_is_told_at_once_that_a_picture_is_no_video(system: System, tmp_path: Path) -> None:
    told = await uploaded(system, tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(3_000_000))
    assert told["code"] == 415
    assert told["statuses"] == ["POST 201", "PATCH 415"]
