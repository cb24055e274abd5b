from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from scripted import Script, ok, quiet, request, rig

from edge.cache.invalidation import Purge
from edge.cache.model import Stored
from edge.node.answer import NoAnswer
from edge.node.intake import FetchLimits
from edge.node.node import CacheNode
from edge.store.base import Body, Entry, EntryGone, StoreError
from edge.store.memory import MemoryStore, MemoryWriter
from edge.upstream.base import UpstreamBroken, UpstreamRequest, UpstreamTimedOut, UpstreamUnreachable


async def test_a_miss_is_fetched_and_the_next_request_is_a_hit_with_its_true_age() -> None:
    edge = rig(lambda _: ok())
    first = await edge.get()
    assert (first.status, first.body) == (200, b"hello world")
    assert first.cache_status == "reelway-edge; fwd=uri-miss; fwd-status=200; ttl=60; stored"
    assert b"age" not in first.fields
    edge.clock.forward(7)
    second = await edge.get()
    assert second.body == b"hello world"
    assert second.cache_status == "reelway-edge; hit; ttl=53"
    assert second.fields[b"age"] == b"7"
    assert len(edge.upstream.requests) == 1


async def test_a_crowd_of_requests_for_one_key_is_one_fetch() -> None:
    head, rest = asyncio.Event(), asyncio.Event()
    script = ok(b"a" * 10 + b"b" * 10)
    script.hold_head, script.body = head, [b"a" * 10, rest, b"b" * 10]
    edge = rig(lambda _: script)
    crowd = [asyncio.create_task(edge.get()) for _ in range(50)]
    await quiet()
    head.set()
    await quiet()
    late = asyncio.create_task(edge.get(range="bytes=5-14"))
    await quiet()
    rest.set()
    answers = await asyncio.gather(*crowd)
    assert {answer.body for answer in answers} == {b"a" * 10 + b"b" * 10}
    assert (await late).body == b"a" * 5 + b"b" * 5
    assert len(edge.upstream.requests) == 1
    assert sum("collapsed" in answer.cache_status for answer in answers) == 49
    assert edge.node.stats.collapsed == 50


async def test_readers_get_the_body_while_it_arrives() -> None:
    rest = asyncio.Event()
    script = ok(b"x" * 20)
    script.body = [b"x" * 10, rest, b"x" * 10]
    edge = rig(lambda _: script)
    answer = await edge.node.handle(request("/v/1/a/x"))
    blocks = answer.blocks()
    assert await anext(blocks) == b"x" * 10
    rest.set()
    assert await anext(blocks) == b"x" * 10
    await answer.aclose()


async def test_a_fetch_survives_its_first_reader() -> None:
    rest = asyncio.Event()
    script = ok(b"x" * 20)
    script.body = [b"x" * 10, rest, b"x" * 10]
    edge = rig(lambda _: script)
    answer = await edge.node.handle(request("/v/1/a/x.m4s"))
    await anext(answer.blocks())
    await answer.aclose()
    rest.set()
    await edge.settle()
    assert (await edge.get()).cache_status.startswith("reelway-edge; hit")
    assert len(edge.upstream.requests) == 1


async def test_a_waiting_request_that_is_cancelled_does_not_harm_the_others() -> None:
    head = asyncio.Event()
    script = ok()
    script.hold_head = head
    edge = rig(lambda _: script)
    first, second = (asyncio.create_task(edge.get()) for _ in range(2))
    await quiet()
    first.cancel()
    head.set()
    assert (await second).body == b"hello world"


async def test_what_may_not_be_shared_is_fetched_by_each_request_for_itself() -> None:
    head = asyncio.Event()

    def answer(_: UpstreamRequest) -> Script:
        script = ok(cache_control="private")
        script.hold_head = head
        return script

    edge = rig(answer)
    crowd = [asyncio.create_task(edge.get()) for _ in range(5)]
    await quiet()
    head.set()
    answers = await asyncio.gather(*crowd)
    assert len(edge.upstream.requests) == 5
    assert all("stored" not in answer.cache_status for answer in answers)
    assert edge.store.usage().entries == 0


async def test_an_unstored_body_passes_with_backpressure_and_stops_when_its_reader_leaves() -> None:
    block = b"x" * 262_144
    edge = rig(lambda _: Script(200, [("Cache-Control", "no-store")], [block] * 400))
    answer = await edge.node.handle(request("/v/1/a/x"))
    await anext(answer.blocks())
    await quiet()
    assert edge.upstream.responses[0].sent <= 3 * 1024 * 1024
    await answer.aclose()
    await edge.settle()
    assert edge.upstream.responses[0].closed
    assert edge.upstream.responses[0].sent <= 3 * 1024 * 1024


async def test_a_body_larger_than_the_limit_passes_whole_and_is_not_stored() -> None:
    edge = rig(lambda _: ok(b"x" * 5000))
    edge.node = CacheNode(edge.store, edge.upstream, edge.clock, FetchLimits(max_object_bytes=4999))
    got = await edge.get(range="bytes=0-9")
    assert (got.status, len(got.body)) == (200, 5000)
    assert edge.store.usage().entries == 0


async def test_a_body_of_unknown_length_that_outgrows_the_limit_still_arrives_whole_for_every_reader() -> None:
    gate = asyncio.Event()
    parts = [bytes([number]) * 1000 for number in range(10)]
    script = Script(200, [("Cache-Control", "max-age=60")], [parts[0], gate, *parts[1:]])
    edge = rig(lambda _: script)
    edge.node = CacheNode(edge.store, edge.upstream, edge.clock, FetchLimits(max_object_bytes=4500))
    crowd = [asyncio.create_task(edge.get()) for _ in range(4)]
    await quiet()
    gate.set()
    for answer in await asyncio.gather(*crowd):
        assert answer.body == b"".join(parts)
    assert edge.store.usage().entries == 0
    assert edge.node.stats.in_flight_bytes == 0


async def test_a_broken_body_is_an_error_for_its_readers_and_never_stored() -> None:
    script = ok(b"x" * 20)
    script.body = [b"x" * 10, UpstreamBroken("gone")]
    edge = rig(lambda _: script)
    with pytest.raises(UpstreamBroken):
        await edge.get()
    await edge.settle()
    assert edge.store.usage().entries == 0


async def test_a_body_shorter_than_its_content_length_is_broken() -> None:
    script = ok(b"x" * 20)
    script.body = [b"x" * 19]
    edge = rig(lambda _: script)
    with pytest.raises(UpstreamBroken, match="19 of 20"):
        await edge.get()
    assert edge.store.usage().entries == 0


async def test_a_stale_response_is_revalidated_and_freshened_by_304() -> None:
    def answer(asked: UpstreamRequest) -> Script:
        if (b"if-none-match", b'"e1"') in asked.headers:
            return Script(304, [("ETag", '"e1"'), ("Cache-Control", "max-age=100"), ("X-New", "1")])
        return ok(cache_control="max-age=10")

    edge = rig(answer)
    await edge.get()
    edge.clock.forward(11)
    got = await edge.get()
    assert (got.status, got.body, got.fields[b"x-new"]) == (200, b"hello world", b"1")
    assert got.cache_status == "reelway-edge; fwd=stale; fwd-status=304; ttl=100; stored"
    edge.clock.forward(99)
    assert (await edge.get()).cache_status == "reelway-edge; hit; ttl=1"
    assert edge.node.stats.revalidated == 1


async def test_a_304_about_another_entity_leads_to_a_whole_fetch() -> None:
    answers = [ok(cache_control="max-age=1"), Script(304, [("ETag", '"other"')]), ok(b"new", etag='"other"')]
    edge = rig(lambda _: answers.pop(0))
    await edge.get()
    edge.clock.forward(5)
    assert (await edge.get()).body == b"new"


async def test_stale_while_revalidate_answers_at_once_and_refreshes_once_behind() -> None:
    bodies = iter([b"one", b"two"])
    edge = rig(lambda _: ok(next(bodies), "max-age=1, stale-while-revalidate=10", etag=None))
    await edge.get()
    edge.clock.forward(5)
    stale = [await edge.get() for _ in range(3)]
    assert {got.body for got in stale} <= {b"one", b"two"}
    assert stale[0].body == b"one"
    assert stale[0].cache_status == "reelway-edge; hit; ttl=-4"
    assert stale[0].fields[b"age"] == b"5"
    await edge.settle()
    assert (await edge.get()).body == b"two"
    assert len(edge.upstream.requests) == 2


async def test_after_the_window_a_stale_response_is_not_served_before_it_is_revalidated() -> None:
    bodies = iter([b"one", b"two"])
    edge = rig(lambda _: ok(next(bodies), "max-age=1, stale-while-revalidate=10", etag=None))
    await edge.get()
    edge.clock.forward(12)
    assert (await edge.get()).body == b"two"


@pytest.mark.parametrize("failure", [Script(503, [], [b"oops"]), UpstreamUnreachable("no"), UpstreamTimedOut("slow")])
async def test_stale_if_error_stands_in_for_a_failing_upstream(failure: Script | Exception) -> None:
    answers = [ok(cache_control="max-age=1, stale-if-error=60"), failure]
    edge = rig(lambda _: answers[0])  # type: ignore[arg-type, return-value]
    await edge.get()
    answers.pop(0)
    edge.clock.forward(30)
    got = await edge.get()
    assert (got.status, got.body) == (200, b"hello world")
    assert "detail=stale-if-error" in got.cache_status
    assert got.fields[b"age"] == b"30"
    assert edge.node.stats.stood_in == 1


@pytest.mark.parametrize("directive", ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=1"])
async def test_what_must_be_revalidated_is_never_served_stale(directive: str) -> None:
    answers = [ok(cache_control=f"max-age=1, stale-if-error=600, {directive}"), UpstreamUnreachable("no")]
    edge = rig(lambda _: answers[0])
    await edge.get()
    answers.pop(0)
    edge.clock.forward(30)
    with pytest.raises(NoAnswer) as caught:
        await edge.get()
    assert caught.value.status == 504


async def test_an_unreachable_upstream_without_anything_stored_is_502_and_a_slow_one_504() -> None:
    for failure, status in ((UpstreamUnreachable("no"), 502), (UpstreamTimedOut("slow"), 504)):
        edge = rig(lambda _, failure=failure: failure)  # type: ignore[misc]
        with pytest.raises(NoAnswer) as caught:
            await edge.get()
        assert caught.value.status == status


async def test_a_video_that_is_gone_is_not_served_stale_once_upstream_has_said_so() -> None:
    answers = [ok(cache_control="max-age=1, stale-while-revalidate=600"), Script(404, [], [b"gone"])]
    edge = rig(lambda _: answers[0])
    await edge.get()
    answers.pop(0)
    edge.clock.forward(2)
    await edge.get()
    await edge.settle()
    assert (await edge.get()).status == 404


async def test_ranges_are_served_from_the_stored_whole_and_a_range_miss_stores_the_whole() -> None:
    edge = rig(lambda _: ok(b"0123456789"))
    first = await edge.get(range="bytes=2-4")
    assert (first.status, first.body, first.fields[b"content-range"]) == (206, b"234", b"bytes 2-4/10")
    assert not any(name == b"range" for name, _ in edge.upstream.requests[0].headers)
    second = await edge.get(range="bytes=-1")
    assert (second.status, second.body) == (206, b"9")
    assert (await edge.get(range="bytes=10-")).status == 416
    assert (await edge.get()).body == b"0123456789"
    assert len(edge.upstream.requests) == 1


async def test_head_is_answered_from_a_stored_get_and_never_stored_itself() -> None:
    edge = rig(lambda asked: ok() if asked.method == "GET" else Script(200, [("Content-Length", "11")]))
    assert (await edge.get(method="HEAD")).fields[b"content-length"] == b"11"
    assert edge.store.usage().entries == 0
    await edge.get()
    head = await edge.get(method="HEAD")
    assert (head.status, head.body, head.fields[b"content-length"]) == (200, b"", b"11")
    assert len(edge.upstream.requests) == 2


async def test_a_conditional_request_is_answered_by_the_cache_and_a_conditional_miss_fetches_the_whole() -> None:
    edge = rig(lambda _: ok())
    got = await edge.get(if_none_match='"e1"')
    assert (got.status, got.body) == (304, b"")
    assert not any(name == b"if-none-match" for name, _ in edge.upstream.requests[0].headers)
    assert (await edge.get()).body == b"hello world"
    assert len(edge.upstream.requests) == 1


async def test_variants_by_accept_encoding_are_kept_apart() -> None:
    def answer(asked: UpstreamRequest) -> Script:
        gzip = any(name == b"accept-encoding" for name, _ in asked.headers)
        return ok(b"zip" if gzip else b"plain", extra=(("Vary", "Accept-Encoding"),))

    edge = rig(answer)
    for _ in range(2):
        assert (await edge.get(accept_encoding="gzip")).body == b"zip"
        assert (await edge.get()).body == b"plain"
    assert len(edge.upstream.requests) == 2


@pytest.mark.parametrize(
    "purge",
    [Purge("url", "/v/1/a/x.m4s"), Purge("prefix", "/v/1/"), Purge("prefix", "/v/1/a/"), Purge("tag", "video-1")],
)
async def test_a_hard_purge_forgets_what_it_covers_and_nothing_else(purge: Purge) -> None:
    edge = rig(lambda asked: ok(extra=(("Surrogate-Key", f"video-{asked.target.split('/')[2]} all"),)))
    await edge.get("/v/1/a/x.m4s")
    await edge.get("/v/10/a/x.m4s")
    assert await edge.node.purge(purge) == 1
    assert "uri-miss" in (await edge.get("/v/1/a/x.m4s")).cache_status
    assert "hit" in (await edge.get("/v/10/a/x.m4s")).cache_status
    assert await edge.node.purge(Purge("tag", "nothing")) == 0


async def test_a_soft_purge_makes_stale_and_the_stale_may_still_stand_in() -> None:
    answers: list[Script | UpstreamUnreachable] = [ok(extra=(("Surrogate-Key", "video-1"),))]
    edge = rig(lambda _: answers[0])
    await edge.get()
    assert await edge.node.purge(Purge("tag", "video-1", soft=True)) == 1
    answers[0] = UpstreamUnreachable("no")
    assert "detail=stale-if-error" in (await edge.get()).cache_status


async def test_after_a_soft_purge_the_next_request_gets_the_new_response() -> None:
    bodies = iter([b"old", b"new"])
    edge = rig(lambda _: ok(next(bodies), etag=None))
    await edge.get()
    await edge.node.purge(Purge("url", "/v/1/a/x.m4s", soft=True))
    assert (await edge.get()).body == b"new"


@pytest.mark.parametrize("purge", [Purge("url", "/v/1/a/x.m4s"), Purge("tag", "video-1"), Purge("prefix", "/v/1/")])
async def test_a_fetch_that_began_before_a_purge_is_not_stored_and_not_shared_after_it(purge: Purge) -> None:
    gate = asyncio.Event()
    old = ok(b"old!", extra=(("Surrogate-Key", "video-1"),))
    old.body = [gate, b"old!"]
    answers = [old, ok(b"new")]
    edge = rig(lambda _: answers.pop(0))
    early = asyncio.create_task(edge.get())
    await quiet()
    await edge.node.purge(purge)
    late = asyncio.create_task(edge.get())
    await quiet()
    gate.set()
    assert (await early).body == b"old!"
    assert (await late).body == b"new"
    await edge.settle()
    assert (await edge.get()).body == b"new"


async def test_an_unsafe_request_passes_and_invalidates_what_it_changed() -> None:
    edge = rig(lambda asked: ok() if asked.method == "GET" else Script(204, [("Location", "/other")]))
    await edge.get("/page")
    await edge.get("/other")
    got = await edge.get("/page", method="POST")
    assert got.status == 204
    assert got.cache_status == "reelway-edge; fwd=method; fwd-status=204"
    assert "uri-miss" in (await edge.get("/page")).cache_status
    assert "uri-miss" in (await edge.get("/other")).cache_status


async def test_only_if_cached_without_anything_stored_is_504() -> None:
    edge = rig(lambda _: ok())
    with pytest.raises(NoAnswer) as caught:
        await edge.get(cache_control="only-if-cached")
    assert caught.value.status == 504
    assert edge.upstream.requests == []


async def test_a_reload_does_not_reach_upstream_for_an_immutable_response() -> None:
    edge = rig(lambda _: ok(cache_control="public, max-age=31536000, immutable"))
    await edge.get()
    assert "hit" in (await edge.get(cache_control="no-cache")).cache_status
    assert len(edge.upstream.requests) == 1


async def test_more_fetches_than_allowed_are_refused() -> None:
    gate = asyncio.Event()
    script = ok()
    script.hold_head = gate
    edge = rig(lambda _: script)
    edge.node = CacheNode(edge.store, edge.upstream, edge.clock, FetchLimits(max_flights=2))
    waiting = [asyncio.create_task(edge.get(f"/v/{number}/a/x")) for number in range(2)]
    await quiet()
    with pytest.raises(NoAnswer):
        await edge.get("/v/9/a/x")
    gate.set()
    await asyncio.gather(*waiting)


async def test_closing_the_node_ends_what_is_under_way() -> None:
    script = ok()
    script.hold_head = asyncio.Event()
    edge = rig(lambda _: script)
    waiting = asyncio.create_task(edge.get())
    await quiet()
    await edge.node.close()
    with pytest.raises(NoAnswer):
        await waiting


async def test_bytes_that_slow_readers_hold_count_until_the_last_of_them_has_left() -> None:
    edge = rig(lambda _: ok(b"x" * 1000))
    edge.node = CacheNode(edge.store, edge.upstream, edge.clock, FetchLimits(max_in_flight_bytes=1500))
    slow = await edge.node.handle(request("/v/1/a/slow"))
    await edge.settle()
    assert edge.node.stats.in_flight_bytes == 1000
    other = await edge.get("/v/1/a/other")
    assert len(other.body) == 1000
    assert "stored" not in other.cache_status
    assert b"".join([block async for block in slow.blocks()]) == b"x" * 1000
    await slow.aclose()
    assert edge.node.stats.in_flight_bytes == 0
    assert "stored" in (await edge.get("/v/1/a/third")).cache_status


async def test_a_store_that_fails_costs_a_fetch_and_not_the_answer() -> None:
    class FailingStore(MemoryStore):
        async def find(self, key: str) -> tuple[Entry, ...]:
            raise StoreError("disk on fire")

        async def writer(self) -> MemoryWriter:
            raise StoreError("disk on fire")

    edge = rig(lambda _: ok())
    edge.node = CacheNode(FailingStore(1000, 10), edge.upstream, edge.clock)
    assert (await edge.get()).body == b"hello world"
    assert (await edge.get()).body == b"hello world"
    assert edge.node.stats.store_errors == 4


async def test_an_entry_that_is_evicted_between_finding_and_opening_is_fetched_again() -> None:
    edge = rig(lambda _: ok())
    await edge.get()
    (entry,) = await edge.store.find("/v/1/a/x.m4s")

    class Vanishing(MemoryStore):
        async def find(self, key: str) -> tuple[Entry, ...]:
            return (Gone(entry.stored),)

    @dataclass
    class Gone:
        stored: Stored

        async def open(self) -> Body:
            raise EntryGone

    edge.node = CacheNode(Vanishing(1000, 10), edge.upstream, edge.clock)
    assert (await edge.get()).body == b"hello world"
    assert len(edge.upstream.requests) == 2


async def test_more_bytes_than_the_content_length_said_are_never_stored() -> None:
    script = ok(b"x" * 10)
    script.body = [b"x" * 10, b"y"]
    edge = rig(lambda _: script)
    assert (await edge.get()).body == b"x" * 10
    await edge.settle()
    assert edge.store.usage().entries == 0


async def test_while_upstream_is_down_it_is_asked_once_and_not_for_every_request() -> None:
    answers: list[Script | UpstreamUnreachable] = [ok(cache_control="max-age=1, stale-if-error=60")]
    edge = rig(lambda _: answers[0])
    await edge.get()
    answers[0] = UpstreamUnreachable("no")
    edge.clock.forward(30)
    got = [await edge.get() for _ in range(20)]
    assert all("detail=stale-if-error" in answer.cache_status for answer in got)
    assert len(edge.upstream.requests) == 2


async def test_a_failing_refresh_behind_stale_answers_is_not_repeated_for_every_request() -> None:
    answers: list[Script] = [ok(cache_control="max-age=1, stale-while-revalidate=60, stale-if-error=60")]
    edge = rig(lambda _: answers[0])
    await edge.get()
    answers[0] = Script(503)
    edge.clock.forward(30)
    for _ in range(20):
        assert (await edge.get()).body == b"hello world"
        await edge.settle()
    assert len(edge.upstream.requests) == 2
