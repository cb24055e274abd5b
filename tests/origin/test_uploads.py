from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from origin.eventlog import LogUnavailable
from origin.events import Topic, UploadEvent
from origin.metadata import NotFound
from origin.model import Publication, UploadKind, UploadState, UploadTerms, VideoStatus
from origin.objects import NoSuchObject
from origin.objects.abilities import Swept
from origin.packaging import PackagingCatalog
from origin.reconciling import ANNOUNCED_KEPT_MS, Reconciled, Reconciler
from origin.refusals import UploadIncomplete
from origin.uploads import UPLOAD_TTL_MS, Uploads
from tests.origin.away import Away


@pytest.fixture
def uploads(house) -> Uploads:
    return Uploads(house.metadata, house.objects, house.eventlog, house.clock, house.mint)


@pytest.fixture
def reconciler(house, uploads) -> Reconciler:
    return Reconciler(uploads, house.metadata, house.clock)


async def body(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def a_whole_upload(house, uploads, length: int | None = 8):
    ticket = await uploads.begin(7, length, "filename eA==", "my #cat", house.now_ms)
    await house.objects.put_part(ticket.multipart_id, 1, body(b"half"))
    await house.objects.put_part(ticket.multipart_id, 2, body(b"half"))
    return ticket


async def announced(house) -> list[UploadEvent]:
    return await house.events(UploadEvent, Topic.UPLOADS)


async def test_an_upload_begins_with_a_video_that_is_uploading(house, uploads):
    ticket = await uploads.begin(7, None, "filename eA==", "my #Cat", house.now_ms)
    video = await house.metadata.video(ticket.video_id)
    assert (video.status, video.creator_id, video.tags) == (VideoStatus.UPLOADING, 7, ("cat",))
    assert await uploads.find(ticket.upload_id) == ticket
    assert await uploads.live_by(7) == [ticket]
    assert await uploads.fix_length(ticket.upload_id, 9)
    assert not await uploads.fix_length(ticket.upload_id, 10)
    assert (await uploads.find(ticket.upload_id)).length == 9


async def test_a_finished_upload_is_joined_announced_and_queued(house, uploads):
    ticket = await a_whole_upload(house, uploads)
    await uploads.finish(ticket.upload_id, "r1")
    (event,) = await announced(house)
    assert (event.video_id, event.user_id, event.request_id, event.size_bytes) == (ticket.video_id, 7, "r1", 8)
    assert b"".join([block async for block in house.objects.get(event.raw_s3_path)]) == b"halfhalf"
    assert (await house.metadata.video(ticket.video_id)).status is VideoStatus.QUEUED
    assert (await uploads.find(ticket.upload_id)).finished
    assert await uploads.live_by(7) == []


async def test_finishing_again_and_at_once_announces_once(house, uploads):
    ticket = await a_whole_upload(house, uploads)
    await asyncio.gather(*(uploads.finish(ticket.upload_id, "") for _ in range(5)))
    await uploads.finish(ticket.upload_id, "")
    assert len(await announced(house)) == 1


async def test_an_incomplete_upload_is_not_finished(house, uploads):
    ticket = await a_whole_upload(house, uploads, length=9)
    with pytest.raises(UploadIncomplete):
        await uploads.finish(ticket.upload_id, "")
    assert not (await uploads.find(ticket.upload_id)).finished


async def test_a_crash_after_joining_is_made_good(house, uploads):
    ticket = await a_whole_upload(house, uploads)
    await house.objects.complete(ticket.multipart_id, await house.objects.list_parts(ticket.multipart_id))
    await uploads.finish(ticket.upload_id, "")
    assert len(await announced(house)) == 1


async def test_what_a_client_told_of_the_whole_is_checked_by_whoever_finishes_it(house, uploads, reconciler):
    ticket = await a_whole_upload(house, uploads)
    await uploads.expect(ticket.upload_id, f"sha-256 {base64.b64encode(bytes(32)).decode()}")
    await reconciler.once(thorough=True)
    assert await announced(house) == []
    with pytest.raises(NotFound):
        await uploads.find(ticket.upload_id)


async def test_a_crash_before_the_announcement_is_made_good_by_the_reconciler(house, uploads, reconciler):
    ticket = await a_whole_upload(house, uploads)
    away = Uploads(house.metadata, house.objects, Away(house.eventlog), house.clock, house.mint)
    with pytest.raises(LogUnavailable):
        await away.settle(ticket.upload_id, "")
    assert (await house.metadata.upload(ticket.upload_id)).state is UploadState.STORED
    assert await reconciler.once(thorough=False) == Reconciled(announced=1)
    assert len(await announced(house)) == 1


async def test_a_log_that_is_away_fails_no_upload_and_what_waits_is_announced_soon_after_it_came_back(house):
    log = Away(house.eventlog)
    uploads = Uploads(house.metadata, house.objects, log, house.clock, house.mint)
    tickets = [await a_whole_upload(house, uploads) for _ in range(3)]
    running = asyncio.create_task(Reconciler(uploads, house.metadata, house.clock, every_s=3600).run())
    for ticket in tickets:
        await uploads.finish(ticket.upload_id, "")
        assert (await uploads.find(ticket.upload_id)).finished
    assert await announced(house) == []
    log.away = False
    consumer = await house.eventlog.consumer("test", [Topic.UPLOADS])
    found = set()
    async with asyncio.timeout(30):
        while len(found) < len(tickets):
            found |= {record.key for record in await consumer.poll(10, 5)}
    assert found == {str(ticket.video_id) for ticket in tickets}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_upload_that_waits_at_the_start_for_a_log_that_is_away_is_announced_too(house, uploads):
    ticket = await a_whole_upload(house, uploads)
    log = Away(house.eventlog)
    late = Uploads(house.metadata, house.objects, log, house.clock, house.mint)
    running = asyncio.create_task(Reconciler(late, house.metadata, house.clock, every_s=3600).run())
    async with asyncio.timeout(30):
        await late.unannounced.wait()
    log.away = False
    consumer = await house.eventlog.consumer("test", [Topic.UPLOADS])
    assert [record.key for record in await consumer.poll(1, 30)] == [str(ticket.video_id)]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_whole_upload_that_no_client_finished_is_announced_at_the_start(house, uploads, reconciler):
    await a_whole_upload(house, uploads)
    await uploads.begin(7, 100, "", "", house.now_ms)
    assert await reconciler.once(thorough=False) == Reconciled()
    assert await reconciler.once(thorough=True) == Reconciled(announced=1)
    assert await reconciler.once(thorough=True) == Reconciled()


async def test_an_expired_upload_is_swept_with_its_parts_and_its_video(house, uploads, reconciler):
    ticket = await a_whole_upload(house, uploads, length=100)
    house.now_ms += UPLOAD_TTL_MS
    assert await uploads.live_by(7) == []
    assert await reconciler.once(thorough=True) == Reconciled(expired=1)
    with pytest.raises(NotFound):
        await uploads.find(ticket.upload_id)
    with pytest.raises(NoSuchObject):
        await house.objects.list_parts(ticket.multipart_id)
    assert (await house.metadata.video(ticket.video_id)).status is VideoStatus.DELETED


async def test_an_expired_upload_that_was_joined_and_never_finished_leaves_no_bytes(house, uploads, reconciler):
    ticket = await a_whole_upload(house, uploads)
    await house.objects.complete(ticket.multipart_id, await house.objects.list_parts(ticket.multipart_id))
    house.now_ms += UPLOAD_TTL_MS
    assert await reconciler.once(thorough=False) == Reconciled(expired=1)
    assert [info.key async for info in house.objects.list("")] == []


async def test_cancelling_an_upload_that_waits_for_the_log_leaves_no_bytes(house, uploads, reconciler):
    ticket = await a_whole_upload(house, uploads)
    away = Uploads(house.metadata, house.objects, Away(house.eventlog), house.clock, house.mint)
    await away.finish(ticket.upload_id, "")
    await uploads.cancel(ticket.upload_id)
    assert [info.key async for info in house.objects.list("")] == []
    assert (await house.metadata.video(ticket.video_id)).status is VideoStatus.DELETED
    assert await reconciler.once(thorough=True) == Reconciled()
    assert await announced(house) == []


async def a_stored_piece(house, uploads):
    ticket = await uploads.begin(7, 4, "", "", house.now_ms, UploadTerms(UploadKind.PARTIAL))
    await house.objects.put_part(ticket.multipart_id, 1, body(b"half"))
    await uploads.finish(ticket.upload_id, "")
    return ticket


async def test_a_stored_piece_waits_to_be_joined_and_expires_with_its_bytes(house, uploads, reconciler):
    ticket = await a_stored_piece(house, uploads)
    assert await reconciler.once(thorough=True) == Reconciled()
    assert [each.finished for each in await uploads.live_by(7)] == [True]
    assert b"".join([block async for block in house.objects.get(ticket.object_key)]) == b"half"
    house.now_ms += UPLOAD_TTL_MS
    assert await reconciler.once(thorough=False) == Reconciled(expired=1)
    with pytest.raises(NoSuchObject):
        await house.objects.stat(ticket.object_key)
    assert await announced(house) == []


async def test_several_that_sweep_at_once_end_the_same_and_report_no_failure(house, uploads):
    for _ in range(3):
        await a_whole_upload(house, uploads, length=100)
        await a_stored_piece(house, uploads)
    finished = await a_whole_upload(house, uploads)
    house.now_ms += UPLOAD_TTL_MS
    several = [Reconciler(uploads, house.metadata, house.clock) for _ in range(4)]
    others = [
        Reconciler(
            Uploads(house.metadata, house.objects, house.eventlog, house.clock, house.mint), house.metadata, house.clock
        )
    ]
    done = await asyncio.gather(*(each.once(thorough=True) for each in (*several, *others)))
    assert sum(each.failed for each in done) == 0
    assert await uploads.live_by(7) == []
    assert [info.key async for info in house.objects.list("")] == [f"raw/{finished.video_id}"]


async def test_what_no_upload_knows_of_is_swept_where_the_store_leaves_it(house):
    class Leaving:
        """A store that leaves multiparts behind."""

        swept: tuple[int, int] | None = None

        def __getattr__(self, name):
            return getattr(house.objects, name)

        async def sweep(self, before_ms: int, limit: int) -> Swept:
            self.swept = (before_ms, limit)
            return Swept(2, 3)

    store = Leaving()
    uploads = Uploads(house.metadata, store, house.eventlog, house.clock, house.mint)
    reconciler = Reconciler(uploads, house.metadata, house.clock)
    assert await reconciler.once(thorough=False) == Reconciled()
    assert await reconciler.once(thorough=True) == Reconciled(swept=5)
    # Never a multipart that an upload may still use.
    assert store.swept is not None
    assert store.swept[0] < house.now_ms - UPLOAD_TTL_MS


async def test_a_cancelled_upload_is_gone_and_cancelling_again_is_no_error(house, uploads):
    ticket = await a_whole_upload(house, uploads)
    await uploads.cancel(ticket.upload_id)
    await uploads.cancel(ticket.upload_id)
    with pytest.raises(NotFound):
        await uploads.finish(ticket.upload_id, "")


async def test_cancelling_a_finished_upload_leaves_its_video(house, uploads):
    ticket = await a_whole_upload(house, uploads)
    await uploads.finish(ticket.upload_id, "")
    await uploads.cancel(ticket.upload_id)
    assert (await house.metadata.video(ticket.video_id)).status is VideoStatus.QUEUED
    assert (await house.objects.stat(f"raw/{ticket.video_id}")).size_bytes == 8


async def test_an_upload_whose_video_was_deleted_meanwhile_is_ended_and_not_announced(house, uploads):
    ticket = await a_whole_upload(house, uploads)
    await house.metadata.transition(ticket.video_id, set(VideoStatus), VideoStatus.DELETED)
    for _ in range(2):
        with pytest.raises(NotFound):
            await uploads.finish(ticket.upload_id, "")
    assert await announced(house) == []
    with pytest.raises(NoSuchObject):
        await house.objects.stat(f"raw/{ticket.video_id}")


async def test_finished_uploads_are_forgotten_in_the_end(house, uploads, reconciler):
    ticket = await a_whole_upload(house, uploads)
    await uploads.finish(ticket.upload_id, "")
    house.now_ms += UPLOAD_TTL_MS + ANNOUNCED_KEPT_MS
    assert await reconciler.once(thorough=False) == Reconciled(forgotten=1)
    with pytest.raises(NotFound):
        await uploads.find(ticket.upload_id)


async def test_a_deferred_length_finishes_with_what_is_stored(house, uploads):
    ticket = await a_whole_upload(house, uploads, length=None)
    await uploads.finish(ticket.upload_id, "")
    assert (await house.objects.stat(f"raw/{ticket.video_id}")).size_bytes == 8


class Crash(BaseException):
    """As if the process had died here."""


class Crashing:
    """A store that dies at one of its calls, before or after it did what was asked."""

    def __init__(self, store, fuse: list[int]) -> None:
        self._store = store
        self._fuse = fuse

    def __getattr__(self, name):
        async def call(*args):
            self._burn()
            result = await getattr(self._store, name)(*args)
            self._burn()
            return result

        return call

    def _burn(self) -> None:
        self._fuse[0] -= 1
        if self._fuse[0] == 0:
            raise Crash


@pytest.mark.parametrize("steps", range(1, 20))
async def test_wherever_finishing_crashes_the_next_start_announces_the_upload(house, uploads, reconciler, steps):
    ticket = await a_whole_upload(house, uploads)
    fuse = [steps]
    crashing = Uploads(
        Crashing(house.metadata, fuse), Crashing(house.objects, fuse), Crashing(house.eventlog, fuse),
        house.clock, house.mint,
    )  # fmt: skip
    try:
        await crashing.finish(ticket.upload_id, "")
    except Crash:
        assert fuse[0] == 0
    else:
        assert steps > 14
    await reconciler.once(thorough=True)
    # Only a crash between the append and the change of status announces twice, which the packager drops.
    assert 1 <= len(await announced(house)) <= 2
    assert (await house.metadata.upload(ticket.upload_id)).state is UploadState.ANNOUNCED
    assert (await house.metadata.video(ticket.video_id)).status is VideoStatus.QUEUED
    assert b"".join([b async for b in house.objects.get(f"raw/{ticket.video_id}")]) == b"halfhalf"


async def test_two_origins_that_announce_an_upload_at_once_have_it_packaged_once(house, uploads):
    ticket = await a_whole_upload(house, uploads)
    other = Uploads(house.metadata, house.objects, house.eventlog, house.clock, house.mint)
    away = Uploads(house.metadata, house.objects, Away(house.eventlog), house.clock, house.mint)
    await away.finish(ticket.upload_id, "")
    await asyncio.gather(
        *(Reconciler(each, house.metadata, house.clock).once(thorough=True) for each in (uploads, other))
    )
    events = await announced(house)
    assert {event.video_id for event in events} == {ticket.video_id}
    catalog = PackagingCatalog(
        house.metadata, house.objects, house.eventlog, house.clock, house.changes, house.progress
    )
    packaged = 0
    # The second announcement may be there or not; each is worked off as the packager does it.
    for event in [*events, events[0]]:
        if await catalog.begin_processing(event.video_id) is not None:
            publication = Publication(1, {}, ("v540-aa",), (), 5000, 1080, 1920)
            packaged += await catalog.publish(event.video_id, publication, VideoStatus.READY)
    assert packaged == 1
    assert await Reconciler(other, house.metadata, house.clock).once(thorough=True) == Reconciled()
