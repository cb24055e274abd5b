"""What every object store promises. A backend is added to BACKENDS, never special-cased below."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from origin.objects import InvalidKey, NoSuchObject, Objects, Part, TooManyParts, open_objects, prepare_objects
from origin.objects.keys import check_key, multipart_id, split_multipart_id

BACKENDS = {
    "files": lambda request, folder: f"file://{folder}/objects",
    "s3": lambda request, folder: request.getfixturevalue("s3").url(f"contract-{uuid.uuid4().hex}"),
}


@pytest.fixture(params=["files", pytest.param("s3", marks=pytest.mark.slow)])
async def url(request, tmp_path) -> str:
    """A store of this test's own, prepared."""
    url = BACKENDS[request.param](request, tmp_path)
    await prepare_objects(url)
    return url


@pytest.fixture
async def objects(url) -> AsyncIterator[Objects]:
    store = open_objects(url)
    yield store
    await store.close()


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def broken(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise ConnectionError("the sender went away")


async def read(store: Objects, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([block async for block in store.get(key, start, end)])


async def keys(store: Objects, prefix: str) -> list[str]:
    return [info.key async for info in store.list(prefix)]


async def test_what_was_put_is_read_back_whole(objects):
    data = bytes(range(256)) * 9000
    put = await objects.put("raw/1", data)
    assert await read(objects, "raw/1") == data
    stat = await objects.stat("raw/1")
    assert replace(put, modified_at_ms=stat.modified_at_ms) == stat
    assert put.size_bytes == len(data)


async def test_a_body_that_arrives_in_pieces_is_stored_whole(objects):
    await objects.put("raw/1", body(b"a" * 700_000, b"", b"b" * 700_000, b"c"))
    assert await read(objects, "raw/1") == b"a" * 700_000 + b"b" * 700_000 + b"c"


async def test_an_empty_object_is_an_object(objects):
    assert (await objects.put("empty", b"")).size_bytes == 0
    assert await read(objects, "empty") == b""


async def test_other_bytes_under_a_key_have_another_etag(objects):
    one = await objects.put("a", b"some bytes")
    assert [info.etag async for info in objects.list("a")] == [one.etag]
    other = await objects.put("a", b"other byte")
    identifier = await objects.create_multipart("a")
    joined = await objects.complete(identifier, [await objects.put_part(identifier, 1, body(b"third byte"))])
    assert len({one.etag, other.etag, joined.etag}) == 3
    assert joined.etag == (await objects.stat("a")).etag
    assert '"' not in one.etag + joined.etag


async def test_a_range_is_cut_at_start_and_end(objects):
    data = bytes(range(256)) * 4096
    await objects.put("x", data)
    assert await read(objects, "x", 10, 20) == data[10:20]
    assert await read(objects, "x", 300_000) == data[300_000:]
    assert await read(objects, "x", 5, 600_001) == data[5:600_001]
    assert await read(objects, "x", 0, 10**9) == data
    assert await read(objects, "x", 10**9) == b""


async def test_blocks_stay_below_256_kib(objects):
    await objects.put("x", b"z" * (1 << 20))
    assert all([len(block) <= 256 << 10 async for block in objects.get("x")])


async def test_a_missing_object_is_no_such_object(objects):
    with pytest.raises(NoSuchObject):
        await objects.stat("nothing")
    with pytest.raises(NoSuchObject):
        await read(objects, "nothing/here")
    with pytest.raises(NoSuchObject):
        await objects.local_path("nothing")


async def test_putting_again_replaces_while_an_open_reader_keeps_the_old_bytes(objects):
    await objects.put("x", b"1" * 600_000)
    reader = objects.get("x")
    first = await anext(reader)
    await objects.put("x", b"2" * 600_000)
    rest = b"".join([block async for block in reader])
    assert set(first + rest) == {ord("1")}
    assert await read(objects, "x", 0, 1) == b"2"


async def test_a_body_that_breaks_leaves_nothing_behind(objects):
    with pytest.raises(ConnectionError):
        await objects.put("x", broken(b"half" * 500_000))
    with pytest.raises(NoSuchObject):
        await objects.stat("x")


async def test_deleting_forgets_and_may_be_repeated(objects):
    await objects.put("v/1/a", b"a")
    await objects.delete("v/1/a")
    await objects.delete("v/1/a")
    with pytest.raises(NoSuchObject):
        await objects.stat("v/1/a")


async def test_the_folder_of_an_object_is_no_object(objects):
    await objects.put("v/1/a", b"a")
    await objects.delete("v/1")
    for use in (objects.stat("v/1"), read(objects, "v/1"), read(objects, "v/1", 5, 5)):
        with pytest.raises(NoSuchObject):
            await use
    assert await read(objects, "v/1/a") == b"a"


async def test_deleting_a_prefix_takes_everything_below_it_and_nothing_beside_it(objects):
    for key in ("v/1/a", "v/1/b/c", "v/10/a", "v/2/a"):
        await objects.put(key, b"x")
    assert await objects.delete_prefix("v/1/") == 2
    assert await objects.delete_prefix("v/1/") == 0
    assert await keys(objects, "") == ["v/10/a", "v/2/a"]


async def test_a_listing_is_in_lexical_order_of_the_whole_key(objects):
    names = ["a-b", "a.b", "a/c", "a/b/x", "a0", "b", "a/b-c", "a/bb"]
    for name in names:
        await objects.put(name, b"x")
    assert await keys(objects, "") == sorted(names)
    assert await keys(objects, "a/b") == ["a/b-c", "a/b/x", "a/bb"]
    assert await keys(objects, "a/") == ["a/b-c", "a/b/x", "a/bb", "a/c"]
    assert await keys(objects, "zzz") == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/./b",
        "ä",
        "a b",
        "a\\b",
        "a\0",
        "a\n",
        "x" * 201,
        "x/" * 256 + "x",
    ],
)
async def test_a_bad_key_is_refused_everywhere(objects, key):
    with pytest.raises(InvalidKey):
        await objects.put(key, b"x")
    with pytest.raises(InvalidKey):
        await objects.stat(key)
    with pytest.raises(InvalidKey):
        await read(objects, key)
    with pytest.raises(InvalidKey):
        await objects.delete(key)
    with pytest.raises(InvalidKey):
        await objects.create_multipart(key)


async def test_a_prefix_that_is_no_folder_cannot_be_deleted(objects):
    for prefix in ("", "/", "v", "../"):
        with pytest.raises(InvalidKey):
            await objects.delete_prefix(prefix)


async def test_parts_are_joined_in_ascending_order(objects):
    identifier = await objects.create_multipart("raw/1")
    parts = [await objects.put_part(identifier, n, body(bytes([n]) * 300_000)) for n in (1, 2, 3)]
    assert list(await objects.list_parts(identifier)) == parts
    info = await objects.complete(identifier, parts)
    assert info.size_bytes == 900_000
    data = await read(objects, "raw/1")
    assert data == b"\x01" * 300_000 + b"\x02" * 300_000 + b"\x03" * 300_000


@pytest.mark.parametrize("listed", [True, False], ids=["as listed", "as put"])
async def test_small_and_large_parts_make_one_object(objects, listed):
    sizes = [10, 1 << 20, 6 << 20, 5 << 20, 7, 4 << 20, 1, 2 << 20, 3]
    identifier = await objects.create_multipart("raw/1")
    put: list[Part] = []
    for number, size in enumerate(sizes, 1):
        part = await objects.put_part(identifier, number, body(bytes([number]) * size))
        assert (part.number, part.size_bytes) == (number, size)
        put.append(part)
        stored = await objects.list_parts(identifier)
        assert sum(part.size_bytes for part in stored) == sum(sizes[:number])
        assert stored[-1].number == number
    info = await objects.complete(identifier, stored if listed else put)
    assert info.size_bytes == sum(sizes)
    expected = b"".join(bytes([number]) * size for number, size in enumerate(sizes, 1))
    assert await read(objects, "raw/1") == expected


@pytest.mark.parametrize(("first", "second"), [(6 << 20, 5 << 20), (6 << 20, 9), (9, 6 << 20), (8, 9)])
async def test_the_last_part_can_be_replaced_by_a_larger_or_smaller_one(objects, first, second):
    identifier = await objects.create_multipart("raw/1")
    await objects.put_part(identifier, 1, body(b"before"))
    await objects.put_part(identifier, 2, body(b"1" * first))
    await objects.put_part(identifier, 2, body(b"2" * second))
    await objects.put_part(identifier, 3, body(b"3" * (5 << 20)))
    parts = await objects.list_parts(identifier)
    assert sum(part.size_bytes for part in parts) == 6 + second + (5 << 20)
    await objects.complete(identifier, parts)
    assert await read(objects, "raw/1") == b"before" + b"2" * second + b"3" * (5 << 20)


async def test_one_part_makes_a_whole_object(objects):
    identifier = await objects.create_multipart("raw/1")
    part = await objects.put_part(identifier, 1, body(b"all"))
    await objects.complete(identifier, [part])
    assert await read(objects, "raw/1") == b"all"


async def test_the_same_part_number_replaces_the_part(objects):
    identifier = await objects.create_multipart("raw/1")
    await objects.put_part(identifier, 1, body(b"first try"))
    part = await objects.put_part(identifier, 1, body(b"second"))
    assert list(await objects.list_parts(identifier)) == [part]
    await objects.complete(identifier, [part])
    assert await read(objects, "raw/1") == b"second"


async def test_part_numbers_run_from_1_to_what_the_store_can_count(objects):
    identifier = await objects.create_multipart("raw/1")
    with pytest.raises(ValueError):
        await objects.put_part(identifier, 0, body(b"part"))
    with pytest.raises(TooManyParts):
        await objects.put_part(identifier, 10**6, body(b"part"))
    assert list(await objects.list_parts(identifier)) == []


async def test_a_part_whose_sender_breaks_keeps_what_had_arrived(objects):
    identifier = await objects.create_multipart("raw/1")
    with pytest.raises(ConnectionError):
        await objects.put_part(identifier, 1, broken(b"abc", b"def"))
    (part,) = await objects.list_parts(identifier)
    assert part.size_bytes == 6


async def test_a_part_whose_task_is_cancelled_keeps_what_had_arrived(objects):
    identifier = await objects.create_multipart("raw/1")

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x" * 1_500_000
        arrived.set()
        await asyncio.sleep(60)

    arrived = asyncio.Event()
    task = asyncio.create_task(objects.put_part(identifier, 1, stalling()))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [part.size_bytes for part in await objects.list_parts(identifier)] == [1_500_000]


async def test_a_part_that_never_began_is_not_stored(objects):
    identifier = await objects.create_multipart("raw/1")
    with pytest.raises(ConnectionError):
        await objects.put_part(identifier, 1, broken())
    assert list(await objects.list_parts(identifier)) == []


async def test_completing_again_gives_the_same_object(objects):
    identifier = await objects.create_multipart("raw/1")
    parts = [await objects.put_part(identifier, n, body(b"part")) for n in (1, 2)]
    assert await objects.complete(identifier, parts) == await objects.complete(identifier, parts)
    with pytest.raises(NoSuchObject):
        await objects.list_parts(identifier)
    with pytest.raises(NoSuchObject):
        await objects.put_part(identifier, 3, body(b"late"))


async def test_a_part_that_is_not_there_cannot_be_completed(objects):
    identifier = await objects.create_multipart("raw/1")
    part = await objects.put_part(identifier, 1, body(b"part"))
    with pytest.raises(NoSuchObject):
        await objects.complete(identifier, [part, Part(2, 4, "etag")])
    with pytest.raises(NoSuchObject):
        await objects.stat("raw/1")
    assert list(await objects.list_parts(identifier)) == [part]


async def test_aborting_forgets_the_parts_and_may_be_repeated(objects):
    identifier = await objects.create_multipart("raw/1")
    part = await objects.put_part(identifier, 1, body(b"part"))
    await objects.abort(identifier)
    await objects.abort(identifier)
    with pytest.raises(NoSuchObject):
        await objects.list_parts(identifier)
    with pytest.raises(NoSuchObject):
        await objects.complete(identifier, [part])


async def test_a_part_that_ends_after_the_abort_is_no_such_object(objects):
    identifier = await objects.create_multipart("raw/1")

    async def aborted_meanwhile() -> AsyncIterator[bytes]:
        yield b"begun"
        await objects.abort(identifier)

    with pytest.raises(NoSuchObject):
        await objects.put_part(identifier, 1, aborted_meanwhile())


async def test_an_unknown_multipart_is_no_such_object(objects):
    for identifier in ("", "x", "../..", "0" * 32, "0" * 32 + ".", multipart_id("0" * 32, "raw/1")):
        with pytest.raises(NoSuchObject):
            await objects.list_parts(identifier)


async def test_a_local_path_holds_the_bytes_where_there_is_one(objects):
    await objects.put("raw/1.mp4", b"bytes")
    path = await objects.local_path("raw/1.mp4")
    assert path is None or await asyncio.to_thread(Path(path).read_bytes) == b"bytes"


async def test_completing_after_another_object_took_the_key_is_no_such_object(objects):
    identifier = await objects.create_multipart("raw/1")
    part = await objects.put_part(identifier, 1, body(b"part"))
    await objects.complete(identifier, [part])
    await objects.put("raw/1", b"another object")
    with pytest.raises(NoSuchObject):
        await objects.complete(identifier, [part])


async def test_a_store_that_can_be_used_passes_its_check(objects):
    await objects.check()


async def test_preparing_again_has_nothing_to_do(url):
    assert list(await prepare_objects(url)) == []


async def test_objects_and_parts_outlive_the_store(objects, url):
    identifier = await objects.create_multipart("raw/2")
    part = await objects.put_part(identifier, 1, body(b"part"))
    await objects.put("raw/1", b"object")
    again = open_objects(url)
    assert await read(again, "raw/1") == b"object"
    assert list(await again.list_parts(identifier)) == [part]
    await again.close()


async def test_many_writers_and_readers_of_one_key_see_whole_objects(objects):
    await objects.put("x", b"0" * 400_000)

    async def write(n: int) -> None:
        await objects.put("x", str(n).encode() * 400_000)

    async def look() -> None:
        assert len(set(await read(objects, "x"))) == 1

    await asyncio.gather(*(write(n) for n in range(1, 9)), *(look() for _ in range(8)))


SEGMENTS = st.text("abcXYZ019._-", min_size=1, max_size=12).filter(lambda s: s not in {".", ".."})


@given(st.lists(SEGMENTS, min_size=1, max_size=6))
def test_a_good_key_passes_and_survives_a_multipart_id(segments):
    key = "/".join(segments)
    assert check_key(key) == key
    assert split_multipart_id(multipart_id("ab" * 16, key)) == ("ab" * 16, key)


@given(st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_a_key_or_refused_and_never_leaves_the_folder(text):
    try:
        check_key(text)
    except InvalidKey:
        return
    assert not text.startswith("/")
    assert ".." not in text.split("/")


@given(st.text(max_size=60))
def test_any_text_as_multipart_id_is_refused_as_no_such_object(text):
    with pytest.raises(NoSuchObject):
        split_multipart_id(text)
