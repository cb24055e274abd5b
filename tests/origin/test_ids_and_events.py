from __future__ import annotations

import asyncio
import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.events import (
    InteractionEvent,
    InteractionType,
    MalformedEvent,
    NewerSchema,
    PurgeEvent,
    UploadEvent,
    VideoChange,
    VideoEvent,
    WebhookEvent,
    decode,
    encode,
)
from origin.ids import EPOCH_MS, MAX_ID, ClockBehindEpoch, Snowflake, parse_id
from origin.leases import LEASE_MS, NoIds, lease_ids
from origin.metadata import open_metadata

CLOCKS = st.lists(st.integers(EPOCH_MS, EPOCH_MS + 50), max_size=300)


@given(CLOCKS)
def test_no_clock_makes_one_worker_mint_an_id_twice(clock):
    ids = Snowflake(3)
    minted = [ids.mint(now_ms) for now_ms in clock]
    assert minted == sorted(set(minted))


@given(CLOCKS, st.integers(0, 1023), st.integers(0, 1023))
def test_two_workers_never_mint_the_same_id(clock, one, two):
    if one != two:
        first, second = Snowflake(one), Snowflake(two)
        assert not {first.mint(now) for now in clock} & {second.mint(now) for now in clock}


def test_a_millisecond_that_is_used_up_borrows_the_next():
    ids = Snowflake(0)
    minted = [ids.mint(EPOCH_MS + 5) for _ in range(10_000)]
    assert len(set(minted)) == 10_000
    assert {each >> 12 & 1023 for each in minted} == {0}, "a used up sequence never runs into the worker's number"
    assert minted[-1] >> 22 == 7


@given(st.integers(EPOCH_MS, EPOCH_MS + (1 << 41) - 1), st.integers(0, 1023))
def test_an_id_begins_with_its_millisecond_and_fits_63_bits(now_ms, worker):
    minted = Snowflake(worker).mint(now_ms)
    assert minted >> 22 == now_ms - EPOCH_MS
    assert 0 <= minted <= MAX_ID
    assert parse_id(str(minted)) == minted


def test_a_clock_before_the_epoch_is_refused():
    with pytest.raises(ClockBehindEpoch):
        Snowflake(0).mint(EPOCH_MS - 1)


@given(st.text(max_size=30))
def test_any_text_is_an_id_or_refused(text):
    try:
        value = parse_id(text)
    except ValueError:
        return
    assert 0 <= value <= MAX_ID


IDS = st.integers(0, MAX_ID)
TEXT = st.text(max_size=40)
NUMBERS = st.integers(-(1 << 53), 1 << 53)
EVENTS = st.one_of(
    st.builds(UploadEvent, IDS, IDS, TEXT, NUMBERS, NUMBERS, TEXT, TEXT, NUMBERS, TEXT),
    st.builds(
        VideoEvent, IDS, IDS, st.sampled_from(VideoChange), NUMBERS, TEXT, NUMBERS, st.tuples(TEXT, TEXT), NUMBERS
    ),
    st.builds(
        VideoEvent,
        IDS,
        IDS,
        st.sampled_from(VideoChange),
        NUMBERS,
        status=TEXT,
        failure_code=TEXT,
        failure_detail=TEXT,
    ),
    st.builds(WebhookEvent, IDS, IDS, TEXT, TEXT, TEXT, NUMBERS, NUMBERS, TEXT, TEXT, TEXT),
    st.builds(InteractionEvent, TEXT, IDS, st.sampled_from(InteractionType), IDS, IDS, NUMBERS, NUMBERS, TEXT, NUMBERS),
    st.builds(PurgeEvent, TEXT, st.booleans(), NUMBERS, TEXT),
)


@given(EVENTS)
def test_an_event_comes_back_as_it_was_written(event):
    assert decode(type(event), encode(event)) == event


@given(EVENTS, st.text(min_size=1, max_size=5), st.integers())
def test_unknown_fields_are_ignored(event, name, value):
    known = {field.name for field in fields(event)} | {"schema", "error"}
    document = json.loads(encode(event))
    if name not in known:
        assert decode(type(event), json.dumps(document | {name: value}).encode()) == event


@given(EVENTS)
def test_a_newer_schema_is_refused(event):
    document = json.loads(encode(event)) | {"schema": 2}
    with pytest.raises(NewerSchema):
        decode(type(event), json.dumps(document).encode())


KINDS = (UploadEvent, VideoEvent, InteractionEvent, PurgeEvent, WebhookEvent)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_any_bytes_are_an_event_or_malformed(kind, value):
    with pytest.raises(MalformedEvent):
        decode(kind, value)


@given(EVENTS, st.data())
def test_a_field_of_another_type_is_malformed_or_harmless(event, data):
    document = json.loads(encode(event))
    document[data.draw(st.sampled_from(sorted(document)))] = data.draw(JSON)
    try:
        decoded = decode(type(event), json.dumps(document).encode())
    except MalformedEvent:
        return
    assert decode(type(event), encode(decoded)) == decoded


def test_a_video_event_from_before_statuses_were_told_is_read():
    old = json.loads(encode(VideoEvent(1, 2, VideoChange.PUBLISHED, 3)))
    for name in ("status", "failure_code", "failure_detail"):
        del old[name]
    assert decode(VideoEvent, json.dumps(old).encode()) == VideoEvent(1, 2, VideoChange.PUBLISHED, 3)


def test_deeply_nested_json_is_malformed():
    with pytest.raises(MalformedEvent):
        decode(PurgeEvent, b"[" * 100_000)


# leases


async def test_ids_are_minted_under_a_lease_and_not_beyond_it():
    metadata = open_metadata("sqlite:///:memory:")
    now_ms = EPOCH_MS + 1000
    ids = await lease_ids(metadata, "a", lambda: now_ms)
    others = await lease_ids(metadata, "b", lambda: now_ms)
    assert ids.mint() != others.mint()
    now_ms += LEASE_MS
    with pytest.raises(NoIds):
        ids.mint()
    await metadata.close()


async def test_a_clock_before_the_epoch_leases_nothing_and_is_said_to_be_wrong():
    metadata = open_metadata("sqlite:///:memory:")
    with pytest.raises(ClockBehindEpoch, match=r"clock says 0 ms.*set it right"):
        await lease_ids(metadata, "a", lambda: 0)
    await metadata.close()


async def test_a_renewed_lease_goes_on_with_its_number():
    metadata = open_metadata("sqlite:///:memory:")
    now_ms = EPOCH_MS + 1000
    ids = await lease_ids(metadata, "a", lambda: now_ms)
    first, worker = ids.mint(), ids.worker
    now_ms += LEASE_MS - 1
    await ids.renew()
    now_ms += LEASE_MS - 1
    assert ids.mint() > first
    assert ids.worker == worker
    await metadata.close()


async def test_who_slept_through_its_lease_takes_another_number():
    metadata = open_metadata("sqlite:///:memory:")
    now_ms = EPOCH_MS + 1000
    ids = await lease_ids(metadata, "a", lambda: now_ms)
    worker = ids.worker
    now_ms += 2 * LEASE_MS
    await ids.renew()
    assert ids.worker != worker
    assert ids.mint()
    await ids.close()
    with pytest.raises(NoIds):
        ids.mint()
    await metadata.close()


async def test_a_store_that_is_away_does_not_keep_a_process_from_ending():
    metadata = open_metadata("sqlite:///:memory:")
    ids = await lease_ids(metadata, "a", lambda: EPOCH_MS + 1000)
    await metadata.close()
    await ids.close()
    with pytest.raises(NoIds):
        ids.mint()


async def test_a_wall_clock_set_back_does_not_lengthen_a_lease():
    metadata = open_metadata("sqlite:///:memory:")
    now_ms = EPOCH_MS + 1_000_000
    ids = await lease_ids(metadata, "a", lambda: now_ms, lease_ms=50)
    now_ms -= 900_000
    await asyncio.sleep(0.06)
    with pytest.raises(NoIds):
        ids.mint()
    await metadata.close()


async def test_the_lease_is_renewed_in_the_background():
    metadata = open_metadata("sqlite:///:memory:")
    now_ms = EPOCH_MS + 1000
    ids = await lease_ids(metadata, "a", lambda: now_ms, lease_ms=3000)
    first = ids._lease
    task = asyncio.create_task(ids.run())
    async with asyncio.timeout(20):
        while ids._lease is first:  # noqa: ASYNC110 -- a renewal tells nobody
            await asyncio.sleep(0.01)
    assert ids._lease is not None
    assert ids._lease.ends_at_s > first.ends_at_s
    assert ids.mint()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await metadata.close()


def test_an_upload_event_from_before_sizes_were_told_is_read():
    event = UploadEvent(5, 7, "raw/5", 1, size_bytes=9)
    document = json.loads(encode(event))
    assert decode(UploadEvent, json.dumps(document).encode()) == event
    del document["size_bytes"]
    assert decode(UploadEvent, json.dumps(document).encode()).size_bytes == 0
