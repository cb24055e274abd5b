"""Kill -9 of a worker process in the middle of a job, on the real metadata, event log and object store."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from origin.eventlog import open_eventlog
from origin.events import Topic, UploadEvent, VideoEvent, decode, encode
from origin.metadata import open_metadata
from origin.model import Video, VideoStatus, Visibility
from origin.objects import open_objects

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
VIDEO = 42
WORKER = """
import asyncio, sys, time
from pathlib import Path
from origin.changes import Changes
from origin.eventlog import open_eventlog
from origin.metadata import open_metadata
from origin.objects import open_objects
from origin.packaging import PackagingCatalog
from origin.progress import open_progress
from packager.moderation import open_moderation
from packager.settings import PackagerSettings
from packager.worker import PackagerWorker

def now_ms():
    return time.time_ns() // 1_000_000

async def main(folder):
    log = open_eventlog(f"sqlite:///{folder}/events.sqlite", now_ms)
    objects = open_objects(f"file://{folder}/objects")
    metadata, notes = open_metadata(f"sqlite:///{folder}/metadata.sqlite"), open_progress("memory:", now_ms)
    catalog = PackagingCatalog(metadata, objects, log, now_ms, Changes(), notes)
    settings = PackagerSettings(jobs_at_once=1, free_bytes=1)
    moderation = open_moderation("local", now_ms)
    worker = PackagerWorker(settings, log, objects, catalog, moderation, now_ms, Path(folder) / "work")
    await worker.run()

asyncio.run(main(sys.argv[1]))
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def start(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, str(folder), cwd=ROOT)


async def until(reached: Callable[[Video], bool], folder: Path) -> Video:
    metadata = open_metadata(f"sqlite:///{folder}/metadata.sqlite")
    try:
        for _ in range(1800):
            video = await metadata.video(VIDEO)
            if reached(video):
                return video
            await asyncio.sleep(0.05)
    finally:
        await metadata.close()
    raise AssertionError(f"90 s passed; the video is still {video.status} at {video.progress:.2f}")


async def emptied(folder: Path) -> bool:
    for _ in range(400):
        if not await asyncio.to_thread(lambda: list(folder.iterdir())):
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.timeout(240)
@pytest.mark.parametrize("status", [VideoStatus.PROCESSING, VideoStatus.PLAYABLE])
async def test_a_killed_workers_job_is_completed_once_by_the_next(
    status: VideoStatus, clip: Callable[[str], Path], tmp_path: Path
) -> None:
    log = open_eventlog(f"sqlite:///{tmp_path}/events.sqlite", now_ms)
    objects = open_objects(f"file://{tmp_path}/objects")
    metadata = open_metadata(f"sqlite:///{tmp_path}/metadata.sqlite")
    key = f"raw/{VIDEO}"
    await objects.put(key, await asyncio.to_thread(clip("bbb").read_bytes))
    queued = Video(VIDEO, 7, "a clip", VideoStatus.QUEUED, Visibility.PUBLIC, now_ms(), raw_key=key)
    await metadata.create_video(queued)
    await log.append(Topic.UPLOADS, str(VIDEO), encode(UploadEvent(VIDEO, 7, key, now_ms())))

    first = await start(tmp_path)
    await until(lambda video: video.status is status and video.progress > 0.05, tmp_path)
    first.kill()
    await first.wait()

    second = await start(tmp_path)
    ready = await until(lambda video: video.status is VideoStatus.READY, tmp_path)
    assert ready.publication is not None
    assert len(ready.publication.renditions) == 3
    for name in ready.publication.files.values():
        assert (await objects.stat(name)).size_bytes > 0
    assert await emptied(tmp_path / "work")
    second.kill()
    await second.wait()

    told = [decode(VideoEvent, record.value) for record in await log.read(Topic.VIDEOS, {}, 20)]
    revisions = [event.revision for event in told]
    assert revisions == sorted(set(revisions))
    assert revisions[-1] == ready.publication.revision
    for store in (log, objects, metadata):
        await store.close()
