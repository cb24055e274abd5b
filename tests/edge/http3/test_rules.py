"""The pure rules: request heads, bodies, responses, budgets, credit, datagram headers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.http3.arrival import Initial, Noise, Packet, UnknownVersion, classify
from edge.http3.body import READ_BYTES, BodyState, RequestBody
from edge.http3.credit import ReceiveLedger, raised_limit
from edge.http3.fields import Fields, Malformed, RequestHead, Unacceptable, Verdict, read_request
from edge.http3.limits import EventBudget, SendBounds, excess_frames
from edge.http3.response import BrokenResponse, Progress, Response, SendBytes, SendFields, Step
from edge.http3.udp import run_length

BASE: Fields = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":authority", b"media.example:443"),
    (b":path", b"/v/1/a%20b.m4s?x=%41&y"),
]


def read(fields: Fields) -> Verdict:
    return read_request(fields, max_bytes=4096, max_count=32)


def changed(name: bytes, value: bytes | None) -> Fields:
    return [(n, v if n != name or value is None else value) for n, v in BASE if n != name or value is not None]


def test_a_request_head_is_read_as_asgi_wants_it() -> None:
    head = read([*BASE, (b"cookie", b"a=1"), (b"te", b"trailers"), (b"cookie", b"b=2"), (b"content-length", b"7")])
    assert isinstance(head, RequestHead)
    assert (head.method, head.path, head.raw_path, head.query) == (
        "GET",
        "/v/1/a b.m4s",
        b"/v/1/a%20b.m4s",
        b"x=%41&y",
    )
    assert head.headers == [
        (b"host", b"media.example:443"),
        (b"te", b"trailers"),
        (b"content-length", b"7"),
        (b"cookie", b"a=1; b=2"),
    ]
    assert head.content_length == 7
    assert not head.expects_continue


def test_host_stands_in_for_a_missing_authority() -> None:
    head = read([*changed(b":authority", None), (b"host", b"a.example")])
    assert isinstance(head, RequestHead)
    assert head.headers == [(b"host", b"a.example")]


@pytest.mark.parametrize(
    "fields",
    [
        changed(b":method", None),
        changed(b":method", b"GE T"),
        changed(b":scheme", None),
        changed(b":path", None),
        changed(b":path", b""),
        changed(b":path", b"v/1"),
        changed(b":path", b"/a b"),
        changed(b":path", b"/a#b"),
        changed(b":path", b"/%ff"),
        changed(b":path", b"*"),
        changed(b":authority", b""),
        changed(b":authority", b"user@host"),
        changed(b":authority", b"a/b"),
        changed(b":authority", None),
        [*BASE, (b":method", b"GET")],
        [*BASE, (b":status", b"200")],
        [*BASE, (b":protocol", b"websocket")],
        [(b"accept", b"*/*"), *BASE],
        [*BASE, (b"Accept", b"*/*")],
        [*BASE, (b"ac cept", b"*/*")],
        [*BASE, (b"", b"x")],
        [*BASE, (b"connection", b"close")],
        [*BASE, (b"transfer-encoding", b"chunked")],
        [*BASE, (b"upgrade", b"h2c")],
        [*BASE, (b"te", b"gzip")],
        [*BASE, (b"x", b"a\r\nb: c")],
        [*BASE, (b"x", b"a\x00")],
        [*BASE, (b"x", b" a")],
        [*BASE, (b"x", b"a ")],
        [*BASE, (b"host", b"other.example")],
        [*BASE, (b"content-length", b"+5")],
        [*BASE, (b"content-length", b"1_0")],
        [*BASE, (b"content-length", b"5"), (b"content-length", b"6")],
    ],
)
def test_a_malformed_request_is_told_from_a_good_one(fields: Fields) -> None:
    assert isinstance(read(fields), Malformed)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([*BASE, *[(b"x-%d" % i, b"y") for i in range(40)]], 431),
        ([*BASE, (b"x", b"y" * 5000)], 431),
        (changed(b":method", b"CONNECT"), 501),
        (changed(b":scheme", b"http"), 421),
    ],
)
def test_a_request_that_is_not_served_is_answered(fields: Fields, status: int) -> None:
    verdict = read(fields)
    assert isinstance(verdict, Unacceptable)
    assert verdict.status == status


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40)), max_size=12))
def test_reading_a_head_never_raises(fields: Fields) -> None:
    assert isinstance(read([*BASE, *fields]), RequestHead | Malformed | Unacceptable)
    assert isinstance(read(fields), Malformed | Unacceptable)


@given(st.lists(st.binary(max_size=5000), max_size=40), st.integers(0, 3))
def test_a_body_comes_out_as_it_went_in(chunks: list[bytes], read_every: int) -> None:
    body = RequestBody(None)
    out = bytearray()
    for index, chunk in enumerate(chunks):
        assert body.feed(chunk)
        if read_every and index % read_every == 0 and body.readable:
            data, more = body.read()
            assert more
            out += data
    assert body.end()
    more = True
    while more:
        data, more = body.read()
        assert len(data) <= READ_BYTES
        out += data
    assert bytes(out) == b"".join(chunks)
    assert body.unread == 0


def test_small_chunks_do_not_each_cost_a_queue_entry() -> None:
    body = RequestBody(None)
    for _ in range(10_000):
        body.feed(b"x")
    assert len(body._chunks) == 1
    assert body.unread == 10_000


def test_a_body_must_have_the_length_it_promised() -> None:
    assert not RequestBody(3).feed(b"four")
    short = RequestBody(3)
    assert short.feed(b"ab")
    assert not short.end()
    assert short.state is BodyState.OPEN


def test_a_broken_body_holds_nothing() -> None:
    body = RequestBody(None)
    body.feed(b"x" * 100)
    body.break_off()
    assert (body.unread, body.readable) == (0, False)


def run(method: str, *messages: dict[str, Any]) -> list[Step]:
    response = Response(method)
    steps = [step for message in messages for step in response.accept(message, [(b"date", b"now")])]
    assert response.progress is Progress.COMPLETE
    return steps


def start(status: int = 200, *headers: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body_of(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def test_a_response_is_a_head_and_a_body_with_fin() -> None:
    assert run("GET", start(200, (b"X-A", b" 1 "), (b"Connection", b"close")), body_of(b"hi")) == [
        SendFields([(b":status", b"200"), (b"x-a", b"1"), (b"date", b"now")], end=False),
        SendBytes(b"hi", end=True),
    ]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_a_response_without_a_body_ends_with_its_head(method: str, status: int) -> None:
    steps = run(method, start(status, (b"content-length", b"5"), (b"date", b"d")), body_of(b"hello"))
    assert [type(step) for step in steps] == [SendFields]
    assert steps[0].end


def test_interim_heads_come_before_the_final_one() -> None:
    interim = {"type": "http.response.informational", "status": 104, "headers": [(b"location", b"/u/1")]}
    steps = run("POST", interim, interim, start(), body_of())
    assert steps[:2] == [SendFields([(b":status", b"104"), (b"location", b"/u/1")], end=False)] * 2


def test_trailers_carry_the_fin() -> None:
    trailers = {"type": "http.response.trailers", "headers": [(b"X-Sum", b"1")]}
    steps = run("GET", start(trailers=True), body_of(b"x"), trailers)
    assert steps[1:] == [SendBytes(b"x", end=False), SendFields([(b"x-sum", b"1")], end=True)]


@pytest.mark.parametrize(
    "messages",
    [
        [body_of(b"x")],
        [start(), start()],
        [start(), body_of(), body_of()],
        [start(101)],
        [start(), {"type": "http.response.informational", "status": 104, "headers": []}],
        [{"type": "http.response.informational", "status": 101, "headers": []}],
        [{"type": "websocket.accept"}],
        [start(200, (b"x", b"a\r\nb"))],
        [start(200, (b"x y", b"a"))],
        [start(200, (b"content-length", b"3")), body_of(b"four")],
        [start(200, (b"content-length", b"3")), body_of(b"x")],
        [start(200, (b"content-length", b"three"))],
        [start(), {"type": "http.response.trailers", "headers": []}],
    ],
)
def test_an_application_that_breaks_the_rules_is_told(messages: list[dict[str, Any]]) -> None:
    response = Response("GET")
    *before, last = messages
    for message in before:
        response.accept(message, [])
    with pytest.raises(BrokenResponse):
        response.accept(last, [])


def test_a_budget_refills_at_its_rate() -> None:
    budget = EventBudget(10, 0.0)
    assert budget.spend(20, 0.0)
    assert not budget.spend(1, 0.0)
    assert budget.spend(5, 0.6)
    assert not budget.spend(5, 0.6)


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0.0, 1.0)), max_size=50))
def test_a_budget_never_passes_more_than_rate_and_burst(spends: list[tuple[int, float]]) -> None:
    budget = EventBudget(10, 0.0)
    now = passed = 0.0
    for events, wait in spends:
        now += wait
        if budget.spend(events, now):
            passed += events
    assert passed <= 10 * now + 20 + 1e-6


def test_frames_that_fill_packets_are_no_excess() -> None:
    assert excess_frames(100, 100 * 1200) == 0
    assert excess_frames(100, 300) == 99


def test_an_empty_stream_may_always_send_a_chunk() -> None:
    bounds = SendBounds(stream_bytes=10, connection_bytes=20)
    assert bounds.allow(0, 1000)
    assert not bounds.allow(10, 10)
    assert not bounds.allow(5, 20)
    assert bounds.allow(5, 19)


def test_a_limit_moves_only_when_it_grants_a_quarter_of_the_window() -> None:
    assert raised_limit(24, 100, 100) is None
    assert raised_limit(25, 100, 100) == 125
    assert raised_limit(1, 1, 1) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1000)), max_size=60))
def test_the_ledger_is_the_sum_of_what_streams_hold(entries: list[tuple[int, int]]) -> None:
    ledger = ReceiveLedger()
    held: dict[int, int] = {}
    for stream_id, amount in entries:
        ledger.settle(stream_id, amount)
        held[stream_id] = amount
    assert ledger.held == sum(held.values())


@given(st.binary(max_size=1500))
def test_any_datagram_can_be_classified(data: bytes) -> None:
    assert isinstance(classify(data), Packet | Initial | UnknownVersion | Noise)


@given(st.lists(st.tuples(st.integers(0, 1300), st.integers(0, 1)), min_size=1, max_size=200))
def test_runs_of_datagrams_keep_to_the_rules_of_segmentation(entries: list[tuple[int, int]]) -> None:
    datagrams = [(bytes(size), address) for size, address in entries]
    position = 0
    while position < len(datagrams):
        run = datagrams[position : position + run_length(datagrams, position)]
        sizes = [len(data) for data, _ in run]
        assert run
        assert len({address for _, address in run}) == 1
        assert sum(sizes) <= 65_507
        assert all(size == sizes[0] for size in sizes[:-1])
        assert sizes[-1] <= sizes[0]
        position += len(run)


def test_an_unknown_version_is_only_answered_when_it_paid_for_the_answer() -> None:
    packet = b"\xc0" + b"\x1a\x2a\x3a\x4a" + b"\x08" + b"d" * 8 + b"\x08" + b"s" * 8
    assert isinstance(classify(packet), Noise)
    assert classify(packet.ljust(1200, b"\0")) == UnknownVersion(b"d" * 8, b"s" * 8)
