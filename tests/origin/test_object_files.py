from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from origin.objects import InvalidKey, NoSuchObject, StoreUnavailable, durable, incoming, open_objects


async def two_pieces():
    yield b"bytes"
    yield b" and more"


async def test_without_extended_attributes_etags_are_hashed_again(tmp_path, monkeypatch):
    with_attributes = open_objects(f"file://{tmp_path}/a")
    expected = (await with_attributes.put("x", b"bytes and more")).etag
    await with_attributes.close()
    monkeypatch.setattr(durable, "ETAG_ATTRIBUTE", "unsupported.etag")
    objects = open_objects(f"file://{tmp_path}/b")
    assert (await objects.put("x", two_pieces())).etag == expected
    assert (await objects.stat("x")).etag == expected
    identifier = await objects.create_multipart("y")
    part = await objects.put_part(identifier, 1, two_pieces())
    assert list(await objects.list_parts(identifier)) == [part]
    assert (await objects.complete(identifier, [part])).etag == expected
    await objects.close()


async def test_where_a_range_copy_is_not_supported_parts_are_joined_all_the_same(tmp_path, monkeypatch):
    def unsupported(*_: object) -> int:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "copy_file_range", unsupported)
    objects = open_objects(f"file://{tmp_path}")
    identifier = await objects.create_multipart("y")
    parts = [await objects.put_part(identifier, number, two_pieces()) for number in (1, 2)]
    info = await objects.complete(identifier, parts)
    assert b"".join([block async for block in objects.get("y")]) == b"bytes and more" * 2
    assert info.etag == (await objects.put("z", b"bytes and more" * 2)).etag
    await objects.close()


async def test_many_bodies_at_once_hold_no_more_than_few(tmp_path, monkeypatch):
    monkeypatch.setattr(incoming, "HELD_BYTES", 1 << 20)
    objects = open_objects(f"file://{tmp_path}")
    most = 0

    async def slowly(number: int):
        nonlocal most
        for _ in range(40):
            yield bytes([number]) * 20_000
            most = max(most, objects._held.bytes)
            await asyncio.sleep(0)

    await asyncio.gather(*(objects.put(f"k{n}", slowly(n)) for n in range(20)))
    assert most <= (1 << 20) + 20 * (incoming.LEAST_BYTES + 20_000)
    assert objects._held.bytes == 0
    for number in range(20):
        assert b"".join([block async for block in objects.get(f"k{number}")]) == bytes([number]) * 800_000
    await objects.close()


async def test_a_body_that_breaks_off_holds_nothing_any_more(tmp_path):
    async def broken():
        yield b"x" * 1000
        raise ConnectionResetError

    objects = open_objects(f"file://{tmp_path}")
    with pytest.raises(ConnectionResetError):
        await objects.put("k", broken())
    assert objects._held.bytes == 0
    await objects.close()


async def test_a_key_cannot_be_a_folder_of_another(tmp_path):
    objects = open_objects(f"file://{tmp_path}")
    await objects.put("a/b", b"x")
    with pytest.raises(InvalidKey):
        await objects.put("a/b/c", b"x")
    with pytest.raises(InvalidKey):
        await objects.put("a", b"x")
    await objects.close()


async def test_the_scratch_of_the_dead_is_removed_and_of_the_living_kept(tmp_path):
    dead = tmp_path / "scratch" / "dead"
    dead.mkdir(parents=True)
    (dead / "half").write_bytes(b"half")
    (tmp_path / "scratch" / "dead.lock").touch()
    one = open_objects(f"file://{tmp_path}")
    assert not dead.exists()
    two = open_objects(f"file://{tmp_path}")
    assert len([path for path in (tmp_path / "scratch").iterdir() if path.is_dir()]) == 2
    await one.put("x", two_pieces())
    await one.close()
    await two.close()
    assert list((tmp_path / "scratch").iterdir()) == []


async def test_a_folder_that_cannot_be_used_is_unavailable(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        open_objects(f"file://{tmp_path}/file")


@pytest.mark.parametrize("url", ["", "file:", "file://host/x", "gs://bucket", "/x", "http://x/y"])
def test_a_url_of_another_scheme_is_refused(url):
    with pytest.raises(ValueError, match="no object store"):
        open_objects(url)


@pytest.fixture
async def meanwhile(tmp_path, monkeypatch):
    """A store, a whole multipart of it, and a way to have another process act while the first joins the parts."""
    one, other = (open_objects(f"file://{tmp_path}") for _ in range(2))
    identifier = await one.create_multipart("raw/1")
    parts = [await one.put_part(identifier, number, two_pieces()) for number in (1, 2)]
    loop, join = asyncio.get_running_loop(), durable.join

    def acts(act):
        def joins(paths, joined):
            monkeypatch.setattr(durable, "join", join)
            asyncio.run_coroutine_threadsafe(act(other, identifier, parts), loop).result(30)
            join(paths, joined)

        monkeypatch.setattr(durable, "join", joins)

    yield one, identifier, parts, acts
    await one.close()
    await other.close()


async def test_a_multipart_that_another_process_completes_meanwhile_is_complete(meanwhile):
    objects, identifier, parts, acts = meanwhile
    acts(lambda other, *upload: other.complete(*upload))
    assert (await objects.complete(identifier, parts)).size_bytes == 2 * len(b"bytes and more")


async def test_a_multipart_that_another_process_aborts_meanwhile_is_gone(meanwhile):
    objects, identifier, parts, acts = meanwhile
    acts(lambda other, upload, _: other.abort(upload))
    with pytest.raises(NoSuchObject):
        await objects.complete(identifier, parts)


async def test_whoever_is_cancelled_while_a_file_is_opened_leaves_none_open(tmp_path, monkeypatch):
    objects = open_objects(f"file://{tmp_path}")
    await objects.put("k", b"bytes")
    opening, opened = threading.Event(), []

    def open_slowly(path: Path, *args: object, **options: object):
        opening.set()
        time.sleep(0.05)
        opened.append(pathlib_open(path, *args, **options))
        return opened[-1]

    pathlib_open = Path.open
    monkeypatch.setattr(Path, "open", open_slowly)
    reading = asyncio.create_task(anext(objects.get("k")))
    await asyncio.to_thread(opening.wait)
    reading.cancel()
    await asyncio.wait({reading})
    assert [file.closed for file in opened] == [True]
    await objects.close()
