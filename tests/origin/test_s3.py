"""What the S3 backend does beyond the contract: crashes, outages, slow readers, damage, abilities. A real server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import botocore.auth
import httpx
import pytest
from botocore.compat import get_current_datetime

from origin.objects import (
    DirectParts,
    NoSuchObject,
    Objects,
    StoreDenied,
    StoreUnavailable,
    StoreUnprepared,
    Sweeps,
    Swept,
    WriteOnce,
    check_direct_uploads,
    check_replication,
    open_objects,
    prepare_objects,
)
from origin.objects.s3_client import S3Client
from origin.objects.s3_parts import LEAST_SENT_BYTES, PRIVATE, upload_of
from origin.objects.s3_reading import Readers
from origin.objects.s3_url import parse
from tests.origin.s3_wire import Wire, wire_to

pytestmark = pytest.mark.slow

MIB = 1 << 20
HOUR_MS = 3_600_000


def new_bucket() -> str:
    return f"origin-{uuid.uuid4().hex}"


@pytest.fixture
async def url(s3) -> str:
    url = s3.url(new_bucket())
    await prepare_objects(url)
    return url


@pytest.fixture
async def objects(url) -> AsyncIterator[Objects]:
    store = open_objects(url)
    yield store
    await store.close()


@pytest.fixture
async def client(url) -> AsyncIterator[S3Client]:
    """To look into the bucket, and to do by hand what a crash leaves."""
    client = S3Client(parse(url))
    yield client
    await client.close()


@pytest.fixture
async def wire(s3) -> AsyncIterator[Wire]:
    async with wire_to(s3.endpoint) as wire:
        yield wire


@pytest.fixture
async def distant(s3, url, wire) -> AsyncIterator[Objects]:
    """The same bucket by way of the wire."""
    store = open_objects(url.replace(s3.endpoint, wire.endpoint))
    yield store
    await store.close()


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(store: Objects, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([block async for block in store.get(key, start, end)])


async def private_keys(client: S3Client) -> list[str]:
    answer = await client.call("list_objects_v2", Prefix=PRIVATE)
    return [entry["Key"] for entry in answer.get("Contents", ())]


# What a store can and cannot be used for


async def test_a_missing_bucket_is_unprepared_and_the_error_names_bucket_endpoint_and_remedy(s3):
    bucket = new_bucket()
    store = open_objects(s3.url(bucket))
    for use in (store.check(), store.stat("x"), store.put("x", b"x"), read(store, "x"), store.create_multipart("x")):
        with pytest.raises(StoreUnprepared) as refused:
            await use
        for word in (bucket, s3.endpoint, "reelway migrate"):
            assert word in str(refused.value)
    await store.close()


@pytest.mark.parametrize("credentials", ["reelway:wrong", "nobody:wrong"])
async def test_wrong_credentials_are_denied_and_not_told(s3, url, credentials):
    store = open_objects(url.replace(f"{s3.access_key}:{s3.secret_key}@", f"{credentials}@"))
    for use in (store.check(), store.stat("x"), store.put("x", b"x"), read(store, "x")):
        with pytest.raises(StoreDenied) as refused:
            await use
        assert "wrong" not in str(refused.value)
    await store.close()


async def test_a_wrong_clock_is_told_as_a_wrong_clock(objects, monkeypatch):
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: get_current_datetime() - timedelta(hours=1))
    with pytest.raises(StoreDenied, match="clock"):
        await objects.check()


async def test_a_store_that_was_away_at_the_start_and_later_works_when_it_is_back(distant, wire):
    await wire.down()
    with pytest.raises(StoreUnavailable):
        await distant.check()
    await wire.up()
    await distant.check()
    await distant.put("x", b"here")
    identifier = await distant.create_multipart("y")
    await wire.down()
    for use in (distant.stat("x"), distant.put_part(identifier, 1, body(b"part")), read(distant, "x")):
        with pytest.raises(StoreUnavailable):
            await use
    await wire.up()
    assert await read(distant, "x") == b"here"
    part = await distant.put_part(identifier, 1, body(b"part"))
    assert list(await distant.list_parts(identifier)) == [part]


async def test_preparing_twice_at_once_makes_one_bucket(s3):
    url = s3.url(new_bucket())
    both = await asyncio.gather(prepare_objects(url), prepare_objects(url))
    assert any(both)
    assert list(await prepare_objects(url)) == []


# Parts, crashes and repetitions


async def test_no_part_but_the_last_is_sent_with_less_than_5_mib(objects, client):
    identifier = await objects.create_multipart("x")
    for number, size in enumerate([MIB, 4 * MIB, 5 * MIB, 3, 6 * MIB, 9], 1):
        await objects.put_part(identifier, number, body(b"x" * size))
    upload = upload_of(identifier)
    answer = await client.call("list_parts", Key="x", UploadId=upload.upload_id)
    sent = [(part["PartNumber"], part["Size"]) for part in answer["Parts"]]
    assert sent == [(5, 5 * MIB), (6, 5 * MIB), (11, 6 * MIB + 3)]
    assert min(size for _, size in sent) >= LEAST_SENT_BYTES
    await objects.complete(identifier, await objects.list_parts(identifier))
    assert (await objects.stat("x")).size_bytes == 16 * MIB + 12
    assert await private_keys(client) == []


async def test_parts_carry_an_md5_and_none_of_the_checksums_that_want_numbers_without_gaps(objects):
    seen: list[set[str]] = []
    objects._client._client().meta.events.register(
        "before-send.s3.UploadPart", lambda request, **_: seen.append({name.lower() for name in request.headers})
    )
    identifier = await objects.create_multipart("x")
    parts = [await objects.put_part(identifier, number, body(b"x" * 5 * MIB, b"y")) for number in (1, 2)]
    parts.append(await objects.put_part(identifier, 3, body(b"the tail")))
    await objects.complete(identifier, parts)
    assert len(seen) == 3
    for names in seen:
        assert "content-md5" in names
        assert not [name for name in names if name.startswith("x-amz-checksum") or name == "x-amz-trailer"]


async def test_a_completion_that_was_cut_off_after_its_last_part_can_be_repeated(objects, client):
    identifier = await objects.create_multipart("x")
    for number, data in enumerate([b"a" * 6 * MIB, b"b", b"c"], 1):
        await objects.put_part(identifier, number, body(data))
    parts = await objects.list_parts(identifier)
    upload = upload_of(identifier)
    await client.call("upload_part", Key="x", UploadId=upload.upload_id, PartNumber=10_000, Body=b"bc")
    assert await objects.list_parts(identifier) == parts
    await objects.complete(identifier, parts)
    assert await read(objects, "x") == b"a" * 6 * MIB + b"bc"


async def test_a_multipart_and_its_pieces_are_gone_after_the_abort(objects, client):
    identifier = await objects.create_multipart("x")
    await objects.put_part(identifier, 1, body(b"piece"))
    assert len(await private_keys(client)) == 1
    await objects.abort(identifier)
    assert await private_keys(client) == []


async def test_a_piece_that_is_put_while_its_multipart_is_aborted_is_not_left(objects, client):
    identifier = await objects.create_multipart("x")

    async def aborted_meanwhile() -> AsyncIterator[bytes]:
        yield b"begun"
        await objects.abort(identifier)

    with pytest.raises(NoSuchObject):
        await objects.put_part(identifier, 1, aborted_meanwhile())
    assert await private_keys(client) == []


async def test_a_part_goes_on_in_another_process(objects, url):
    identifier = await objects.create_multipart("x")
    other = open_objects(url)
    for number, store in enumerate([objects, other, objects, other], 1):
        await store.put_part(identifier, number, body(bytes([number]) * 2 * MIB))
    await other.complete(identifier, await objects.list_parts(identifier))
    assert await read(objects, "x") == b"".join(bytes([number]) * 2 * MIB for number in (1, 2, 3, 4))
    await other.close()


# Many objects


async def test_more_than_a_page_of_objects_is_listed_and_deleted(objects):
    keys = [f"v/1/{number:04}" for number in range(1_005)]
    for begin in range(0, len(keys), 67):
        await asyncio.gather(*(objects.put(key, b"x") for key in keys[begin : begin + 67]))
    await objects.put("v/10", b"x")
    identifier = await objects.create_multipart("raw/1")
    await objects.put_part(identifier, 1, body(b"a piece is no object"))
    assert [info.key async for info in objects.list("")] == [*keys, "v/10"]
    assert await objects.delete_prefix("v/1/") == len(keys)
    assert [info.key async for info in objects.list("v/")] == ["v/10"]


# Readers


async def test_slow_readers_hold_no_thread_and_at_most_a_few_connections(objects, client):
    data = bytes(range(256)) * 4096
    await objects.put("x", data)
    readers = Readers(client, most_open=3)
    slow = [readers.blocks("x", 0, None) for _ in range(40)]
    first = [await anext(reader) for reader in slow]
    assert len(readers._waiting) == 3
    assert await read(objects, "x") == data
    for block, reader in zip(first, slow, strict=True):
        assert block + b"".join([more async for more in reader]) == data
    assert not readers._waiting


async def test_a_reader_that_goes_away_frees_its_connection(objects, client):
    await objects.put("x", b"x" * MIB)
    readers = Readers(client)
    reader = readers.blocks("x", 0, None)
    await anext(reader)
    assert len(readers._waiting) == 1
    await reader.aclose()
    assert not readers._waiting


async def test_a_reader_goes_on_over_a_new_connection_when_the_old_one_breaks(distant, wire):
    data = bytes(range(256)) * 16384
    await distant.put("x", data)
    for start in (0, 1000):
        reader = distant.get("x", start)
        got = await anext(reader)
        await wire.cut()
        async for block in reader:
            got += block
        assert got == data[start:]


async def test_a_reader_whose_object_was_replaced_never_gets_a_mixture(distant, wire):
    await distant.put("x", b"1" * 8 * MIB)
    reader = distant.get("x")
    blocks = [await anext(reader)]
    await distant.put("x", b"2" * 8 * MIB)
    await wire.cut()

    async def read_on() -> None:
        async for block in reader:
            blocks.append(block)

    with pytest.raises(StoreUnavailable, match="replaced"):
        await read_on()
    assert set(b"".join(blocks)) == {ord("1")}


# Damage


async def test_bytes_damaged_on_their_way_out_are_refused_by_the_server(distant, wire):
    wire.to_server = lambda data: data.replace(b"MARKER", b"MARKEX")
    with pytest.raises(StoreUnavailable):
        await distant.put("x", b"MARKER" + b"x" * 1000)
    identifier = await distant.create_multipart("y")
    with pytest.raises(StoreUnavailable):
        await distant.put_part(identifier, 1, body(b"MARKER"))
    with pytest.raises(StoreUnavailable):
        await distant.put_part(identifier, 1, body(b"MARKER" + b"x" * 5 * MIB))
    assert list(await distant.list_parts(identifier)) == []
    with pytest.raises(NoSuchObject):
        await distant.stat("x")


async def test_an_object_read_whole_with_a_damaged_byte_ends_in_an_error(distant, wire):
    await distant.put("x", b"x" * MIB + b"MARKER")
    await distant.put("y", body(b"MARKER", b"y" * MIB))
    wire.to_client = lambda data: data.replace(b"MARKER", b"MARKEX")
    for key in ("x", "y"):
        with pytest.raises(StoreUnavailable, match="damaged"):
            await read(distant, key)


# Abilities


async def test_of_many_who_write_once_one_wins(objects):
    assert isinstance(objects, WriteOnce)
    won = await asyncio.gather(*(objects.put_new("x", b"%d" % n) for n in range(8)))
    assert sum(won) == 1
    assert await read(objects, "x") == b"%d" % won.index(True)
    assert not await objects.put_new("x", b"late")


async def test_a_client_sends_parts_straight_to_the_store(objects):
    assert isinstance(objects, DirectParts)
    identifier = await objects.create_direct("x")
    data = [b"1" * 5 * MIB, b"2" * 7]
    async with httpx.AsyncClient() as browser:
        for number, block in enumerate(data, 1):
            part = await objects.presign_part(identifier, number, len(block), 60)
            sent = await browser.request(part.method, part.url, headers=dict(part.headers), content=block)
            assert sent.status_code == 200
    info = await objects.complete_direct(identifier, [len(block) for block in data])
    assert info.size_bytes == 5 * MIB + 7
    assert await read(objects, "x") == b"".join(data)
    assert await objects.complete_direct(identifier, [len(block) for block in data]) == info


async def test_a_presigned_part_takes_no_other_length_number_or_key(objects):
    assert isinstance(objects, DirectParts)
    identifier = await objects.create_direct("x")
    part = await objects.presign_part(identifier, 1, 5, 60)
    async with httpx.AsyncClient() as browser:
        assert (await browser.put(part.url, content=b"123456")).status_code == 403
        assert (
            await browser.put(part.url.replace("partNumber=1", "partNumber=2"), content=b"12345")
        ).status_code == 403
        assert (await browser.put(part.url.replace("/x?", "/z?"), content=b"12345")).status_code == 403
        assert (await browser.put(part.url, content=b"12345")).status_code == 200


async def test_a_presigned_part_expires(objects):
    assert isinstance(objects, DirectParts)
    part = await objects.presign_part(await objects.create_direct("x"), 1, 5, 1)
    async with httpx.AsyncClient() as browser:
        await asyncio.sleep(2.1)
        assert (await browser.put(part.url, content=b"12345")).status_code == 403


async def test_a_direct_multipart_is_completed_only_with_what_the_store_has(objects):
    assert isinstance(objects, DirectParts)
    identifier = await objects.create_direct("x")
    part = await objects.presign_part(identifier, 1, 5, 60)
    async with httpx.AsyncClient() as browser:
        await browser.put(part.url, content=b"12345")
    for sizes in ([4], [5 * MIB, 1]):
        with pytest.raises(NoSuchObject):
            await objects.complete_direct(identifier, sizes)
    for sizes in ([], [5, 5]):
        with pytest.raises(ValueError):
            await objects.complete_direct(identifier, sizes)
    with pytest.raises(NoSuchObject):
        await objects.list_parts(identifier)
    await objects.abort(identifier)
    with pytest.raises(NoSuchObject):
        await objects.complete_direct(identifier, [5])


async def test_a_part_that_s3_never_takes_is_not_signed(objects):
    assert isinstance(objects, DirectParts)
    identifier = await objects.create_direct("x")
    for number, size, expires in (
        (0, 1, 1),
        (10_001, 1, 1),
        (1, 0, 1),
        (1, (5 << 30) + 1, 1),
        (1, 1, 0),
        (1, 1, 10**6),
    ):
        with pytest.raises(ValueError):
            await objects.presign_part(identifier, number, size, expires)


async def test_a_sweep_takes_what_is_old_and_leaves_what_is_young(objects, client):
    assert isinstance(objects, Sweeps)
    identifiers = [await objects.create_multipart(f"raw/{n}") for n in range(3)]
    for identifier in identifiers:
        await objects.put_part(identifier, 1, body(b"piece"))
    # Ended by a process that crashed before it removed the pieces.
    ended = upload_of(identifiers[2])
    await client.call("abort_multipart_upload", Key=ended.key, UploadId=ended.upload_id)
    begun_ms = (await objects.put("now", b"")).modified_at_ms

    assert await objects.sweep(begun_ms - HOUR_MS, 10) == Swept(0, 0)
    assert len(await private_keys(client)) == 3
    assert await objects.sweep(begun_ms + HOUR_MS, 1) == Swept(1, 0)
    assert await objects.sweep(begun_ms + HOUR_MS, 10) == Swept(1, 1)
    assert await private_keys(client) == []
    for identifier in identifiers:
        with pytest.raises(NoSuchObject):
            await objects.list_parts(identifier)


# Replication


def replicated(s3, source: str, target: str) -> str:
    replica = s3.url(target).replace("?", "%3F").replace("&", "%26")
    return f"{s3.url(source)}&replica={replica}"


async def test_a_replica_is_prepared_and_what_the_server_cannot_do_is_said(s3):
    url = replicated(s3, source := new_bucket(), target := new_bucket())
    lines = await prepare_objects(url)
    for bucket in (source, target):
        assert [line for line in lines if bucket in line and "versioning" in line]
    assert "no API for it" in lines[-1]


async def test_a_probe_that_does_not_arrive_is_reported(s3):
    url = replicated(s3, new_bucket(), new_bucket())
    await prepare_objects(url)
    report = await check_replication(url, within_s=0.3)
    assert report is not None
    assert (report.works, report.versioning, report.rule) == (False, ("Enabled", "Enabled"), "not offered")
    assert any("did not arrive" in line for line in report.lines())


async def test_a_probe_that_arrives_is_reported_and_removed_from_both(s3):
    source, target = S3Client(parse(s3.url(new_bucket()))), S3Client(parse(s3.url(new_bucket())))
    url = replicated(s3, source.place.bucket, target.place.bucket)
    await prepare_objects(url)

    async def replicate() -> None:
        """The server's own tool."""
        while True:
            for entry in (await source.call("list_objects_v2")).get("Contents", ()):
                await target.call("put_object", Key=entry["Key"], Body=b"copied")
                return
            await asyncio.sleep(0.05)

    copier = asyncio.create_task(replicate())
    report = await check_replication(url)
    await copier
    assert report is not None
    assert report.works
    for client in (source, target):
        assert "Contents" not in await client.call("list_objects_v2")
        await client.close()


async def test_a_store_without_a_replica_has_nothing_to_check(url):
    assert await check_replication(url) is None


# Pages


async def test_a_page_of_any_origin_may_send_a_part_straight_to_the_store(s3):
    url = s3.url(new_bucket())
    await prepare_objects(url)
    report = await check_direct_uploads(url)
    assert report is not None
    assert report.rule == "set"
    objects = open_objects(url)
    assert isinstance(objects, DirectParts)
    part = await objects.presign_part(await objects.create_direct("raw/1"), 1, 5, 60)
    origin = {"Origin": "https://app.example"}
    async with httpx.AsyncClient() as page:
        asked = {**origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
        allowed = await page.options(part.url, headers=asked)
        sent = await page.put(part.url, headers={**origin, "Content-Type": "video/mp4"}, content=b"12345")
    assert allowed.status_code in {200, 204}
    assert "PUT" in allowed.headers["access-control-allow-methods"]
    for answer in (allowed, sent):
        assert answer.headers["access-control-allow-origin"] in {"*", origin["Origin"]}
    assert sent.status_code == 200
    assert "etag" in sent.headers["access-control-expose-headers"].lower()
    await objects.close()
