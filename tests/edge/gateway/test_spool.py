from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.gateway.spool import acts, frames
from edge.gateway.spool.folder import SpoolFolder
from edge.gateway.spool.model import Place, Spooled, SpoolFull, SpoolSettings, SpoolTaken, SpoolUnavailable
from edge.gateway.spool.spool import Spool, open_spool
from origin.events import InteractionType
from origin.views import Interaction

NOW_MS = 1_800_000_000_000


def clock() -> int:
    return NOW_MS


async def opened(folder: Path, **changes: int) -> Spool:
    return await open_spool(folder / "spool", SpoolSettings(**changes), clock)


async def payloads(spool: Spool, limit: int = 1000) -> list[bytes]:
    return [record.payload for record in await spool.peek(limit)]


async def drain(spool: Spool, at_once: int = 1000) -> list[Spooled]:
    found: list[Spooled] = []
    while records := await spool.peek(at_once):
        found += records
        await spool.consume(records)
    return found


async def test_records_come_back_in_order_until_they_are_consumed(tmp_path):
    spool = await opened(tmp_path)
    for n in range(5):
        await spool.append(n % 2, b"%d" % n)
    assert await payloads(spool, 3) == [b"0", b"1", b"2"]
    await spool.consume(await spool.peek(3))
    assert await payloads(spool) == [b"3", b"4"]
    await spool.close()


async def test_what_was_not_consumed_is_there_after_a_restart_and_the_rest_is_not(tmp_path):
    spool = await opened(tmp_path)
    for n in range(4):
        await spool.append(n, b"%d" % n)
    await spool.consume(await spool.peek(2))
    await spool.close()
    spool = await opened(tmp_path)
    assert [spool.holds(key) for key in range(4)] == [False, False, True, True]
    assert len(spool) == 2
    await spool.append(9, b"new")
    assert await payloads(spool, 2) == [b"2", b"3"]
    assert [each.payload for each in await drain(spool)] == [b"2", b"3", b"new"]
    assert (len(spool), spool.holds(9)) == (0, False)
    await spool.close()


async def test_segments_that_are_done_are_deleted(tmp_path):
    spool = await opened(tmp_path, segment_bytes=100)
    for n in range(20):
        await spool.append(1, b"%030d" % n)
    assert len(list((tmp_path / "spool").glob("*.segment"))) == 10
    assert [int(each.payload) for each in await drain(spool, 3)] == list(range(20))
    assert len(list((tmp_path / "spool").glob("*.segment"))) == 1
    await spool.close()


async def test_appends_at_once_share_syncs(tmp_path):
    spool = await opened(tmp_path)
    await asyncio.gather(*(spool.append(n, b"%d" % n) for n in range(200)))
    assert spool.stats.syncs < 20
    assert await payloads(spool) == [b"%d" % n for n in range(200)]
    await spool.close()


@pytest.mark.parametrize("bound", [{"records_most": 3}, {"bytes_most": 3 * 25}])
async def test_a_full_spool_takes_nothing_until_something_is_consumed(tmp_path, bound):
    spool = await opened(tmp_path, **bound)
    for _ in range(3):
        await spool.append(1, b"x")
    with pytest.raises(SpoolFull):
        await spool.append(2, b"x")
    assert not spool.holds(2)
    assert spool.stats.full == 1
    await spool.consume(await spool.peek(1))
    await spool.append(2, b"y")
    assert await payloads(spool) == [b"x", b"x", b"y"]
    await spool.close()


async def test_a_second_process_is_told_to_take_another_folder(tmp_path):
    spool = await opened(tmp_path)
    with pytest.raises(SpoolTaken, match="give every gateway its own"):
        await opened(tmp_path)
    await spool.close()


async def test_a_closed_spool_takes_nothing(tmp_path):
    spool = await opened(tmp_path)
    await spool.close()
    with pytest.raises(SpoolUnavailable):
        await spool.append(1, b"x")


async def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(SpoolUnavailable, match="spool"):
        await opened(tmp_path)


async def test_a_disk_that_fails_acknowledges_nothing_and_loses_nothing_before(tmp_path):
    """The descriptor of the segment is swapped for /dev/full and for one that cannot be written."""
    spool = await opened(tmp_path)
    await spool.append(1, b"before")
    for target, refusal in (("/dev/full", SpoolFull), ("/dev/null", SpoolUnavailable)):
        flags = os.O_WRONLY if target == "/dev/full" else os.O_RDONLY
        broken = os.open(target, flags)
        os.dup2(broken, spool._folder._file)
        os.close(broken)
        with pytest.raises(refusal):
            await spool.append(2, b"lost")
        assert not spool.holds(2)
        await spool.append(3, b"after")
    assert await payloads(spool) == [b"before"]
    assert [each.payload for each in await drain(spool)] == [b"before", b"after", b"after"]
    await spool.close()


async def test_a_record_that_the_disk_lost_is_an_error_and_not_an_end(tmp_path):
    spool = await opened(tmp_path)
    await spool.append(1, b"x")
    (segment,) = (tmp_path / "spool").glob("*.segment")
    segment.write_bytes(bytes(100))
    with pytest.raises(SpoolUnavailable, match="damaged"):
        await spool.peek(1)
    await spool.close()


async def test_a_cancelled_append_is_kept_and_orders_its_user(tmp_path):
    spool = await opened(tmp_path)
    task = asyncio.create_task(spool.append(1, b"x"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert spool.holds(1)
    await spool.filled()
    assert await payloads(spool) == [b"x"]
    await spool.close()


async def test_a_look_that_was_cancelled_hides_nothing_from_the_next(tmp_path):
    spool = await opened(tmp_path)
    await spool.append(1, b"x")
    task = asyncio.create_task(spool.peek(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    async with asyncio.timeout(10):
        await spool.filled()
    assert await payloads(spool) == [b"x"]
    await spool.close()


async def test_what_is_consumed_stays_so_when_the_caller_is_cancelled(tmp_path):
    spool = await opened(tmp_path, segment_bytes=1)
    for n in range(3):
        await spool.append(n, b"%d" % n)
    task = asyncio.create_task(spool.consume(await spool.peek(1)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert await payloads(spool) == [b"1"]
    assert len(await drain(spool)) == 2
    assert len(spool) == 0
    await spool.close()


async def test_the_gauges_tell_what_waits_and_for_how_long(tmp_path):
    now_ms = NOW_MS
    spool = await open_spool(tmp_path, SpoolSettings(), lambda: now_ms)
    await spool.append(1, b"x")
    now_ms += 700
    await spool.append(2, b"y")
    assert (spool.stats.pending, spool.stats.oldest_age_ms) == (2, 700)
    await spool.consume(await spool.peek(1))
    await spool.peek(1)
    assert (spool.stats.pending, spool.stats.oldest_age_ms) == (1, 0)
    await drain(spool)
    now_ms += 700
    spool.measure()
    assert (spool.stats.pending, spool.stats.pending_bytes, spool.stats.oldest_age_ms) == (0, 0, 0)
    await spool.close()


# what bytes in a segment can do

RECORDS = st.lists(st.tuples(st.integers(0, 2**63 - 1), st.binary(max_size=40)), max_size=8)


def segment_of(records: Sequence[tuple[int, bytes]]) -> bytes:
    return b"".join(frames.encode(key, NOW_MS, payload) for key, payload in records)


def read_back(data: bytes) -> list[tuple[int, bytes]]:
    return [(frame.key, frame.payload) for frame in frames.scan(data)]


@given(RECORDS, st.integers(0, 500))
def test_a_torn_segment_gives_its_whole_records(records, cut):
    data = segment_of(records)
    whole = read_back(data[:cut])
    assert whole == records[: len(whole)]
    assert len(segment_of(records[: len(whole) + 1])) > min(cut, len(data)) or len(whole) == len(records)


@given(RECORDS.filter(bool), st.data())
def test_a_changed_byte_is_never_taken_for_what_was_written(records, data):
    written = bytearray(segment_of(records))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    found = read_back(bytes(written))
    assert found == records[: len(found)]
    assert len(found) < len(records)


@given(st.binary(max_size=300))
def test_any_bytes_in_a_segment_are_survived(data):
    assert all(frame.end <= len(data) for frame in frames.scan(data))
    assert read_back(segment_of([(1, b"a")]) + data)[0] == (1, b"a")


@given(st.binary(max_size=30))
def test_only_a_place_that_was_written_down_is_one(data):
    place = frames.decode_place(data)
    assert place is None or frames.encode_place(place) == data
    assert frames.decode_place(frames.encode_place(Place(3, 70_000))) == Place(3, 70_000)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), RECORDS.map(segment_of)), max_size=4), st.binary(max_size=24))
def test_a_folder_of_any_bytes_opens_and_gives_the_whole_records(tmp_path_factory, segments, consumed):
    path = tmp_path_factory.mktemp("spool")
    for number, data in enumerate(segments, start=1):
        (path / f"{number:016d}.segment").write_bytes(data)
    (path / "consumed").write_bytes(consumed)
    (path / "notes.segment").write_bytes(b"of somebody else")
    folder = SpoolFolder(path, 1000)
    contents = folder.take()
    expected = [each for data in segments for each in read_back(data)]
    found, place = [], contents.consumed
    while records := folder.read(place, 3):
        found += [(each.key, each.payload) for each in records]
        place = records[-1].end
    assert found == expected
    assert contents.records == len(expected)
    folder.append(frames.encode(1, NOW_MS, b"new"))
    assert folder.read(place, 3)[0].payload == b"new"
    folder.release()


def an_act(kind=InteractionType.LIKE, event_id="e1") -> Interaction:
    return Interaction(event_id, kind, 7, 0, NOW_MS, 900, "f", 3)


def test_acts_come_back_as_they_were():
    said = (an_act(), an_act(InteractionType.VIEW, "ü"))
    assert acts.decode(acts.encode(said, "r1")) == acts.Acts(said, "r1")


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.integers(), st.text(max_size=5)),
            lambda inner: (
                st.dictionaries(st.sampled_from(["schema", "acts", "request_id", "type"]), inner)
                | st.lists(inner, max_size=3)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_what_are_no_acts_is_malformed(payload):
    try:
        acts.decode(payload)
    except acts.MalformedActs:
        return
    assert b'"acts"' in payload


@pytest.mark.parametrize("change", [{"video_id": "7"}, {"type": "dance"}, {"more": 1}, {"event_id": 5}, {"at_ms": 1.5}])
def test_an_act_with_a_wrong_member_is_malformed(change):
    document = json.loads(acts.encode([an_act()], "r"))
    document["acts"][0] |= change
    with pytest.raises(acts.MalformedActs):
        acts.decode(json.dumps(document).encode())
    newer = {**document, "schema": 2}
    with pytest.raises(acts.MalformedActs):
        acts.decode(json.dumps(newer).encode())
