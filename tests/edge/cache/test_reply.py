from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.policy import HTTP

from hypothesis import given
from hypothesis import strategies as st

from edge.cache.headers import Headers, first, format_date, values
from edge.cache.model import Request, Stored, Terms
from edge.cache.reply import CacheStatus, Reply, compose
from edge.cache.structured import parse_dictionary

NOW_MS = 1_800_000_000_000
BODY = bytes(range(100))
FIELDS: Headers = (
    (b"date", format_date(NOW_MS // 1000)),
    (b"content-type", b"video/iso.segment"),
    (b"etag", b'"e"'),
    (b"cache-control", b"max-age=60"),
    (b"vary", b"Accept-Encoding"),
)
STORED = Stored("/a", "", 200, FIELDS, (), Terms(60_000, 0), NOW_MS, len(BODY))
HIT = CacheStatus(ttl_s=60)


def ask(stored: Stored = STORED, method: str = "GET", later_ms: int = 0, **fields: str) -> Reply:
    headers = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in fields.items())
    return compose(Request(method, "/a", "/a", headers), stored, NOW_MS + later_ms, HIT)


def body_of(reply: Reply) -> bytes:
    if reply.whole:
        return BODY
    return b"".join(piece if isinstance(piece, bytes) else BODY[piece.start : piece.end] for piece in reply.pieces)


def test_a_whole_answer_has_its_age_and_says_that_ranges_are_possible() -> None:
    reply = ask(later_ms=5999)
    assert (reply.status, reply.whole) == (200, True)
    assert first(reply.headers, b"age") == b"5"
    assert first(reply.headers, b"content-length") == b"100"
    assert first(reply.headers, b"accept-ranges") == b"bytes"


def test_a_single_range_keeps_every_field_of_the_whole_answer() -> None:
    reply = ask(range="bytes=10-19")
    assert (reply.status, body_of(reply)) == (206, BODY[10:20])
    for name, value in FIELDS:
        assert first(reply.headers, name) == value
    assert first(reply.headers, b"content-range") == b"bytes 10-19/100"
    assert first(reply.headers, b"content-length") == b"10"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=2, max_size=6))
def test_several_ranges_are_parts_that_any_mime_parser_reads(asked: list[tuple[int, int]]) -> None:
    spec = ",".join(f"{start * 2}-{start * 2 + length}" for start, length in asked)
    reply = ask(range=f"bytes={spec}")
    assert reply.status == 206
    body = body_of(reply)
    assert first(reply.headers, b"content-length") == b"%d" % len(body)
    kind = first(reply.headers, b"content-type") or b""
    if first(reply.headers, b"content-range") is not None:
        assert kind == b"video/iso.segment"
        return
    message = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + body, policy=HTTP)
    for part in message.iter_parts():  # type: ignore[attr-defined]
        assert part["Content-Type"] == "video/iso.segment"
        start, _, rest = part["Content-Range"].removeprefix("bytes ").partition("-")
        assert part.get_payload(decode=True) == BODY[int(start) : int(rest.removesuffix("/100")) + 1]


def test_a_condition_wins_over_a_range_and_head_has_no_ranges() -> None:
    assert ask(range="bytes=0-1", if_none_match='"e"').status == 304
    assert ask(range="bytes=0-1", if_match='"x"').status == 412
    head = ask(method="HEAD", range="bytes=0-1")
    assert (head.status, head.whole, first(head.headers, b"content-length")) == (200, False, b"100")
    assert ask(range="bytes=0-1", if_range='"x"').status == 200


def test_not_modified_has_the_fields_that_matter_and_none_about_a_body() -> None:
    reply = ask(if_none_match='"e"')
    assert (reply.status, reply.pieces, reply.whole) == (304, (), False)
    for name in (b"date", b"etag", b"cache-control", b"vary", b"age"):
        assert first(reply.headers, name) is not None
    for name in (b"content-length", b"content-type"):
        assert first(reply.headers, name) is None


def test_an_unsatisfiable_range_says_how_long_the_body_is() -> None:
    reply = ask(range="bytes=100-")
    assert (reply.status, body_of(reply)) == (416, b"")
    assert first(reply.headers, b"content-range") == b"bytes */100"
    assert first(reply.headers, b"content-length") == b"0"


def test_other_statuses_and_unknown_lengths_have_no_ranges() -> None:
    missing = ask(replace(STORED, status=404), range="bytes=0-1")
    assert (missing.status, missing.whole) == (404, True)
    arriving = ask(replace(STORED, length=None), range="bytes=0-1")
    assert (arriving.status, arriving.whole) == (200, True)
    assert first(arriving.headers, b"content-length") is None


def test_this_cache_appends_itself_to_the_chain_of_caches() -> None:
    reply = ask(replace(STORED, headers=(*FIELDS, (b"cache-status", b"Shield; hit; ttl=9"), (b"age", b"77"))))
    assert values(reply.headers, b"cache-status") == [b"Shield; hit; ttl=9, reelway-edge; hit; ttl=60"]
    assert values(reply.headers, b"age") == [b"0"]


@given(
    st.builds(
        CacheStatus,
        forward=st.none() | st.sampled_from(["uri-miss", "vary-miss", "stale", "request", "method"]),
        forward_status=st.none() | st.integers(200, 599),
        ttl_s=st.none() | st.integers(-(10**6), 10**9),
        stored=st.booleans(),
        collapsed=st.booleans(),
        detail=st.none() | st.sampled_from(["private", "no-store", "stale-if-error"]),
    )
)
def test_cache_status_is_a_well_formed_structured_field(status: CacheStatus) -> None:
    # A list member with parameters reads like a dictionary member with parameters.
    parsed = parse_dictionary(status.text())
    assert parsed == {"reelway-edge": True}
    assert ("; hit" in status.text()) == (status.forward is None)
