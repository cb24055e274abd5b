"""What every cache store keeps, whatever holds the bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.cache.model import Stored, Terms
from edge.cache.ranges import Span
from edge.store import Entry, EntryGone, Store, StoreError, open_store
from edge.store.base import MAX_VARIANTS

BACKENDS = ["memory", "file"]
WHOLE = Span(0, 2**63)


def _url(backend: str, folder: Path, capacity: int, entries: int = 1000) -> str:
    place = {"memory": "memory:", "file": f"file://{folder}/cache"}[backend]
    return f"{place}?bytes={capacity}&entries={entries}"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def store(backend: str, tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(_url(backend, tmp_path, 10_000_000))
    yield opened
    await opened.close()


def head(key: str, variant: str = "", tags: tuple[str, ...] = ()) -> Stored:
    vary = ((b"accept-encoding", variant),) if variant else ()
    headers = ((b"etag", b'"\xe4"'), (b"surrogate-key", " ".join(tags).encode()))
    return Stored(key, variant, 200, headers, vary, Terms(1000, 0), 5, None, tags=tags)


async def put(store: Store, stored: Stored, body: bytes, block: int = 7000) -> Entry | None:
    writer = await store.writer()
    for begin in range(0, len(body), block):
        await writer.write(body[begin : begin + block])
    return await writer.commit(replace(stored, length=len(body)))


async def read(entry: Entry, span: Span = WHOLE) -> bytes:
    body = await entry.open()
    try:
        blocks = [block async for block in body.read(span)]
    finally:
        await body.aclose()
    assert all(0 < len(block) <= 256 * 1024 for block in blocks)
    return b"".join(blocks)


async def get(store: Store, key: str) -> bytes | None:
    found = await store.find(key)
    return await read(found[0]) if found else None


async def test_what_was_committed_is_found_with_its_head_and_body(store: Store) -> None:
    body = bytes(range(256)) * 4000
    stored = head("/v/1/a", tags=("video-1",))
    assert await put(store, stored, body) is not None
    (entry,) = await store.find("/v/1/a")
    assert entry.stored == replace(stored, length=len(body))
    assert await read(entry) == body
    assert await store.find("/v/1/b") == ()


@pytest.mark.parametrize("block", [1, 999, 262_144, 10_000_000])
async def test_every_span_reads_like_a_slice(store: Store, block: int) -> None:
    body = bytes(number * 7 % 251 for number in range(3000 if block == 1 else 700_001))
    entry = await put(store, head("/a"), body, block)
    assert entry is not None
    size = len(body)
    for start, end in (
        (0, 1),
        (size - 1, size),
        (5, 5),
        (size // 3, size // 3 + 300_000),
        (0, size + 9),
        (size, size + 1),
    ):
        assert await read(entry, Span(start, end)) == body[start:end]


async def test_an_empty_body_is_a_body(store: Store) -> None:
    assert await put(store, head("/a"), b"") is not None
    assert await get(store, "/a") == b""


async def test_an_unfinished_body_was_never_stored(store: Store) -> None:
    writer = await store.writer()
    await writer.write(b"half")
    assert await store.find("/a") == ()
    await writer.abort()
    assert await store.find("/a") == ()
    assert store.usage().entries == 0


async def test_a_new_body_replaces_the_old_and_readers_of_the_old_read_on(store: Store) -> None:
    old = await put(store, head("/a"), b"old" * 100_000)
    assert old is not None
    body = await old.open()
    blocks = body.read(WHOLE)
    first = await anext(blocks)
    await put(store, head("/a"), b"new")
    assert await get(store, "/a") == b"new"
    assert first + b"".join([block async for block in blocks]) == b"old" * 100_000
    await body.aclose()
    assert store.usage().entries == 1


async def test_variants_of_one_key_live_side_by_side_up_to_a_limit(store: Store) -> None:
    for number in range(MAX_VARIANTS + 3):
        await put(store, head("/a", f"v{number}"), b"%d" % number)
    found = await store.find("/a")
    assert len(found) == MAX_VARIANTS
    assert {entry.stored.variant for entry in found} == {f"v{number}" for number in range(3, MAX_VARIANTS + 3)}
    assert await store.remove("/a", "v5") == 1
    assert await store.remove("/a") == MAX_VARIANTS - 1
    assert await store.remove("/a") == 0


async def test_a_head_can_be_updated_without_touching_the_body(store: Store) -> None:
    entry = await put(store, head("/a", tags=("x",)), b"body")
    assert entry is not None
    updated = await store.update(entry, replace(entry.stored, received_ms=99, tags=("y",)))
    assert updated is not None
    (found,) = await store.find("/a")
    assert found.stored.received_ms == 99
    assert await read(found) == b"body"
    assert (await store.tagged("x"), await store.tagged("y")) == ((), ("/a",))
    assert await store.update(entry, entry.stored) is None
    await store.remove("/a")
    assert await store.update(found, found.stored) is None
    assert await store.find("/a") == ()


async def test_an_entry_that_left_is_gone_or_still_readable_but_never_something_else(store: Store) -> None:
    entry = await put(store, head("/a"), b"old")
    assert entry is not None
    await store.remove("/a")
    await put(store, head("/a"), b"new")
    with suppress(EntryGone):
        assert await read(entry) == b"old"


async def test_keys_are_found_by_tag_and_by_prefix(store: Store) -> None:
    await put(store, head("/v/1/a", tags=("one", "all")), b"1")
    await put(store, head("/v/1/b/c?q=/x/", tags=("one",)), b"2")
    await put(store, head("/v/10/a", tags=("all",)), b"3")
    assert set(await store.tagged("one")) == {"/v/1/a", "/v/1/b/c?q=/x/"}
    assert set(await store.tagged("all")) == {"/v/1/a", "/v/10/a"}
    assert set(await store.under("/v/1/")) == {"/v/1/a", "/v/1/b/c?q=/x/"}
    assert set(await store.under("/v/1/b/")) == {"/v/1/b/c?q=/x/"}
    assert set(await store.under("/")) == {"/v/1/a", "/v/1/b/c?q=/x/", "/v/10/a"}
    await store.remove("/v/1/a")
    assert await store.tagged("one") == ("/v/1/b/c?q=/x/",)
    assert set(await store.under("/v/")) == {"/v/1/b/c?q=/x/", "/v/10/a"}


async def test_the_capacity_is_never_exceeded(backend: str, tmp_path: Path) -> None:
    store = await open_store(_url(backend, tmp_path, 50_000, 10))
    for number in range(40):
        await put(store, head(f"/{number}"), b"x" * (number * 311 % 9000))
        usage = store.usage()
        assert usage.used_bytes <= 50_000
        assert usage.entries <= 10
    assert store.usage().evicted > 0
    assert await put(store, head("/big"), b"x" * 60_000) is None
    assert await store.find("/big") == ()
    await store.close()


async def test_entries_in_use_outlive_those_asked_for_once(backend: str, tmp_path: Path) -> None:
    store = await open_store(_url(backend, tmp_path, 60_000))
    for number in range(100):
        await put(store, head(f"/{number}"), b"x" * 3000)
        for entry in await store.find("/3"):
            store.touch(entry)
    assert await get(store, "/3") is not None
    await store.close()


async def test_writers_may_work_at_the_same_time(store: Store) -> None:
    async def write(number: int) -> None:
        await put(store, head(f"/{number % 5}", f"v{number % 3}"), b"%d" % number * 9000)

    await asyncio.gather(*(write(number) for number in range(40)))
    for key in range(5):
        for entry in await store.find(f"/{key}"):
            body = await read(entry)
            assert entry.stored.length == len(body)
            assert len(set(body.decode().replace(body.decode()[:2], ""))) <= 10


steps = st.lists(
    st.tuples(st.sampled_from(["put", "remove", "get"]), st.sampled_from("abcdef"), st.integers(0, 4000)), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
async def test_a_store_is_a_dictionary_with_losses(
    backend: str, tmp_path_factory: pytest.TempPathFactory, script: list[tuple[str, str, int]]
) -> None:
    store = await open_store(_url(backend, tmp_path_factory.mktemp("store"), 12_000))
    model: dict[str, bytes] = {}
    for number, (act, name, size) in enumerate(script):
        key = f"/{name}"
        if act == "put":
            model[key] = b"%03d" % number * size
            if await put(store, head(key), model[key]) is None:
                assert len(model.pop(key)) > 5000
        elif act == "remove":
            await store.remove(key)
            model.pop(key, None)
        found = await get(store, key)
        assert found is None or found == model[key]
        if key not in model:
            assert found is None
    await store.close()


async def test_a_folder_is_read_back_after_a_restart(tmp_path: Path) -> None:
    url = _url("file", tmp_path, 10_000_000)
    store = await open_store(url)
    for number in range(30):
        await put(store, head(f"/{number}", tags=("t",)), b"%d" % number * 1000)
    await store.remove("/7")
    (entry,) = await store.find("/8")
    await store.update(entry, replace(entry.stored, received_ms=123))
    before = store.usage()
    await store.close()
    store = await open_store(url)
    assert await get(store, "/3") == b"3" * 1000
    assert (await store.find("/8"))[0].stored.received_ms == 123
    assert await store.find("/7") == ()
    assert len(await store.tagged("t")) == 29
    assert store.usage().used_bytes == before.used_bytes
    await store.close()


async def test_what_a_crash_left_is_cleaned_and_never_served(tmp_path: Path) -> None:
    url = _url("file", tmp_path, 10_000_000)
    store = await open_store(url)
    await put(store, head("/whole"), b"whole")
    entry = await put(store, head("/cut"), b"cut short")
    await put(store, head("/headless"), b"x")
    abandoned = await store.writer()
    await abandoned.write(b"x" * 300_000)
    await store.close()
    folder = tmp_path / "cache"
    heads = [path for path in (folder / "heads").rglob("*") if path.is_file()]
    entry.path.write_bytes(b"cut")  # type: ignore[union-attr]
    for path in heads:
        if b"/headless" in path.read_bytes():
            path.write_text("{broken")
    (heads[0].parent / "half.new").write_text("half a head")
    store = await open_store(url)
    assert set(await store.under("/")) == {"/whole"}
    assert await get(store, "/whole") == b"whole"
    await asyncio.sleep(0.05)
    await store.close()
    assert sum(path.is_file() for path in (folder / "bodies").rglob("*")) == 1
    assert sum(path.is_file() for path in (folder / "heads").rglob("*")) == 1
    abandoned._file.close()  # type: ignore[attr-defined]


async def test_a_smaller_capacity_at_the_next_start_is_kept_to(tmp_path: Path) -> None:
    store = await open_store(_url("file", tmp_path, 10_000_000))
    for number in range(30):
        await put(store, head(f"/{number}"), b"x" * 3000)
    await store.close()
    store = await open_store(_url("file", tmp_path, 20_000))
    assert len(await store.under("/")) == store.usage().entries <= 5
    await store.close()


async def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    url = _url("file", tmp_path, 1000)
    store = await open_store(url)
    with pytest.raises(StoreError, match="another process"):
        await open_store(url)
    await store.close()


@pytest.mark.parametrize("url", ["redis://x", "memory:?size=3", "memory:?bytes=-1", "file:relative", "memory:/x", ""])
async def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"store|bytes"):
        await open_store(url)
