"""What a webhook's URL may be, what its answer means, and how its secret is spelled."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from origin.eventlog.retention import Retention
from origin.eventlog.topics import wanted
from origin.events import Topic, VideoChange, VideoEvent
from origin.model import TAKEN_DOWN, Failure, VideoStatus
from origin.packaging import PackagingCatalog
from origin.reviewing import Reviews
from origin.subscriptions import Attempt, Outcome
from origin.webhooks.message import message_of
from origin.webhooks.schedule import (
    LATER_S,
    LONGEST_ASKED_S,
    SOON_S,
    TOPICS,
    WAITS_S,
    Again,
    Answer,
    Delivered,
    GivenUp,
    Unsubscribed,
    after,
    still_retried,
    without_room,
)
from origin.webhooks.signature import BadSecret, parse_secret, signed
from origin.webhooks.target import BadTarget, Reach, Target, choose, parse_target

SECRET = "whsec_" + "QUJD" * 8
NOW_MS = 1_800_000_000_000
INNER = [ipaddress.ip_network(each) for each in ("127.0.0.0/8", "10.0.0.0/8", "192.168.0.0/16", "169.254.0.0/16")]
inner_addresses = st.one_of([st.ip_addresses(v=4, network=str(each)) for each in INNER])
SPELLINGS = {
    "dotted": str,
    "decimal": lambda a: str(int(a)),
    "hexadecimal": lambda a: hex(int(a)),
    "octal": lambda a: ".".join(f"0{byte:o}" for byte in a.packed),
    "hexadecimal bytes": lambda a: ".".join(hex(byte) for byte in a.packed),
    "three parts": lambda a: f"{a.packed[0]}.{a.packed[1]}.{int(a) & 0xFFFF}",
    "trailing dot": lambda a: f"{a}.",
    "mapped": lambda a: f"[::ffff:{a}]",
    "compatible": lambda a: f"[::{a}]",
    "6to4": lambda a: f"[{ipaddress.IPv6Address((0x2002 << 112) | (int(a) << 80))}]",
    "nat64": lambda a: f"[64:ff9b::{a}]",
    "full-width": lambda a: str(a).translate({ord("0") + n: 0xFF10 + n for n in range(10)}),
}


@given(inner_addresses, st.sampled_from(sorted(SPELLINGS)), st.sampled_from(["", "user@", "a.example@"]))
def test_an_inner_address_is_refused_however_it_is_spelled(address, spelling, user):
    with pytest.raises(BadTarget):
        parse_target(f"https://{user}{SPELLINGS[spelling](address)}/hook", Reach())


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "2002:a9fe:a9fe::",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "::ffff:10.0.0.1",
        "::ffff:168.63.129.16",
    ],
)
def test_only_public_addresses_are_reached(address):
    with pytest.raises(BadTarget):
        choose(Target("https", "a.example", 443, "/"), [ipaddress.ip_address(address)], Reach())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(address):
    found = [ipaddress.ip_address(address)]
    assert choose(Target("https", "a.example", 443, "/"), found, Reach()) == found


def test_an_operator_opens_networks_for_https_alone():
    reach = Reach(networks=(ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00::/8")))
    for inside in ("https://10.1.2.3/", "https://[fd00::1]/", "https://[::ffff:10.1.2.3]:8443/"):
        assert parse_target(inside, reach).scheme == "https"
    for outside in ("https://10.2.0.1/", "http://10.1.2.3/", "https://127.0.0.1/"):
        with pytest.raises(BadTarget):
            parse_target(outside, reach)


def test_plain_http_reaches_this_machine_alone_and_only_where_that_is_open():
    assert parse_target("http://127.0.0.1:8080/h", Reach(loopback=True)) == Target("http", "127.0.0.1", 8080, "/h")
    for refused, reach in (
        ("http://127.0.0.1:8080/", Reach()),
        ("http://93.184.216.34/", Reach(loopback=True)),
        ("http://10.1.2.3/", Reach(networks=(ipaddress.ip_network("10.0.0.0/8"),), loopback=True)),
    ):
        with pytest.raises(BadTarget):
            parse_target(refused, reach)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("https://a.example", Target("https", "a.example", 443, "/")),
        ("HTTPS://A.Example/Hook?q=1", Target("https", "a.example", 443, "/Hook?q=1")),
        ("https://xn--bcher-kva.example:8443/", Target("https", "xn--bcher-kva.example", 8443, "/")),
        ("https://[2606:2800:220:1::1]/", Target("https", "2606:2800:220:1::1", 443, "/")),
    ],
)
def test_a_good_url_is_read(text, target):
    assert parse_target(text, Reach()) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example",
        "//a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https:///x",
        "https://",
        "https://a.b./",
        "https://u:p@a.example/",
        "https://@a.example/",
        "https://a.example/#",
        "https://a.example:22/",
        "https://a.example:0/",
        "https://a.example:80/",
        "https://a.example:99999/",
        "https://a.example:x/",
        "https://bücher.example/",
        "https://a.example\\@b.example/",
        "https://a b.example/",
        "https://a.example/\n",
        "https://[::1%25lo]/",
        "https://[::1",
        "https://[x]/",
        "https://a_b.example/",
        "https://-a.example/",
        f"https://a.example/{'x' * 2048}",
        "https://[v1.a]/",
        "https://[::1]x/",
        "https://1.2.3/",
        "https://0x/",
    ],
)
def test_a_bad_url_is_refused(text):
    with pytest.raises(BadTarget):
        parse_target(text, Reach())


@given(st.text() | st.from_regex(r"https://[a-z0-9.:\[\]@%/?#-]*", fullmatch=True))
def test_any_text_is_a_target_or_refused_and_what_is_taken_is_bounded(text):
    try:
        target = parse_target(text, Reach())
    except BadTarget:
        return
    assert target.scheme == "https"
    assert target.port == 443 or 1024 <= target.port <= 65535
    assert target.host.isascii()
    assert not set(target.host) & set("@/?#\\%[] ")
    assert target.path.startswith("/")


@pytest.mark.parametrize(
    ("status", "fate"), [(200, Delivered()), (204, Delivered()), (299, Delivered()), (410, Unsubscribed())]
)
def test_a_success_ends_a_message_and_gone_ends_all(status, fate):
    assert after(0, Answer(status)) == fate


@pytest.mark.parametrize("status", [None, 100, 301, 307, 400, 404, 429, 500, 503])
def test_all_else_is_tried_again_for_more_than_a_day_and_then_given_up(status):
    waited_s, attempt = 0, 0
    while isinstance(fate := after(attempt, Answer(status)), Again):
        waited_s, attempt = waited_s + fate.wait_s, attempt + 1
    assert fate == GivenUp()
    assert attempt == len(WAITS_S)
    assert 24 * 3600 <= waited_s <= 36 * 3600


@given(st.integers(0, len(WAITS_S) - 1), st.text() | st.integers(0).map(str))
def test_a_wait_is_one_that_a_topic_has_and_within_its_bounds_whatever_the_receiver_asks(attempt, asked):
    fate = after(attempt, Answer(503, retry_after=asked))
    assert isinstance(fate, Again)
    assert fate.wait_s in TOPICS
    assert WAITS_S[attempt] <= fate.wait_s <= max(LONGEST_ASKED_S, WAITS_S[attempt])


@given(st.integers(1, LONGEST_ASKED_S))
def test_retry_after_is_honoured_where_it_is_longer_and_rounded_up(asked_s):
    fate = after(0, Answer(429, retry_after=str(asked_s)))
    assert isinstance(fate, Again)
    assert fate.wait_s >= asked_s
    assert after(2, Answer(429, retry_after="120")) == Again(1800)


def test_every_wait_has_a_topic_and_every_topic_is_used():
    assert list(TOPICS) == sorted({*WAITS_S})
    assert {SOON_S, LATER_S} <= set(TOPICS)
    assert set(TOPICS.values()) == {each for each in Topic if each.startswith("webhooks.retry.")}


def test_a_topic_that_waits_has_one_partition_so_that_its_records_are_due_in_their_order():
    shapes = {each.name: each.partitions for each in wanted("", 12, 3, Retention())}
    assert {shapes[topic] for topic in TOPICS.values()} == {1}
    assert shapes[Topic.WEBHOOKS] == 12


def test_what_finds_no_room_is_looked_at_less_often_in_time_and_given_up_after_as_long_as_what_fails():
    waits_s: list[int] = []
    while isinstance(fate := without_room(len(waits_s)), Again):
        waits_s.append(fate.wait_s)
    assert fate == GivenUp()
    assert waits_s[:8] == [5, 5, 5, 5, 300, 300, 300, 300]
    assert 0 <= sum(WAITS_S) - sum(waits_s) < 300
    assert without_room(0, 0) == GivenUp()


def test_a_message_is_retried_until_it_ends_or_its_next_attempt_is_later_than_any_wait_for_room_explains():
    last = Attempt(5, 1, "msg_1", "video.ready", 1, NOW_MS, Outcome.RETRYING, 503, "", 9, NOW_MS + 5000)
    assert still_retried(last, NOW_MS)
    lost_ms = NOW_MS + 5000 + 1000 * sum(WAITS_S)
    assert still_retried(last, lost_ms)
    assert not still_retried(last, lost_ms + 3_600_001)
    ends = set(Outcome) - {Outcome.RETRYING}
    assert not any(still_retried(replace(last, outcome=each, next_at_ms=None), NOW_MS) for each in ends)


@given(st.binary(min_size=24, max_size=64))
def test_a_secret_is_read_as_it_is_spelled(key):
    assert parse_secret("whsec_" + base64.b64encode(key).decode()) == key


@given(st.binary(max_size=23) | st.binary(min_size=65))
def test_a_secret_of_another_length_is_refused_without_being_shown(key):
    text = base64.b64encode(key).decode()
    with pytest.raises(BadSecret) as refused:
        parse_secret(f"whsec_{text}")
    assert len(text) < 8 or text not in str(refused.value)


@given(st.text().filter(lambda text: not text.startswith("whsec_")))
def test_a_secret_has_its_prefix(text):
    with pytest.raises(BadSecret):
        parse_secret(text)


def test_the_signature_is_the_one_that_another_implementation_makes():
    at_s, body = NOW_MS // 1000, '{"test": 2432232314}'
    fields = signed([parse_secret(SECRET)], "msg_1", at_s, body.encode())
    theirs = Webhook(SECRET).sign("msg_1", datetime.fromtimestamp(at_s, UTC), body)
    assert (fields["webhook-id"], fields["webhook-timestamp"]) == ("msg_1", str(at_s))
    assert fields["webhook-signature"] == theirs


def test_what_is_told_before_and_after_a_takedown_and_its_undo_are_messages_of_their_own():
    ready = VideoEvent(11, 7, VideoChange.PUBLISHED, 1000, revision=3, status=VideoStatus.READY)
    down = replace(
        ready, change=VideoChange.REJECTED, status=VideoStatus.REJECTED, failure_code=TAKEN_DOWN, takedowns=1
    )
    undone, again = replace(ready, takedowns=1), replace(down, takedowns=2)
    ids = [message.message_id for each in (ready, down, undone, again) if (message := message_of(each))]
    assert ids == ["msg_11_ready_3", "msg_11_takedown_3_1", "msg_11_ready_3_1", "msg_11_takedown_3_2"]


async def test_a_rejection_after_a_takedown_that_was_undone_is_a_message_of_its_own(house):
    catalog = PackagingCatalog(
        house.metadata, house.objects, house.eventlog, house.clock, house.changes, house.progress
    )
    reviews = Reviews(house.eventlog, house.metadata, house.objects, house.clock)
    video = await house.video(await house.user("cat"), VideoStatus.PROCESSING)
    for _ in range(2):
        await reviews.take_down(video.video_id, "Stolen.")
        await reviews.restore(video.video_id)
    for _ in range(2):
        await catalog.reject(video.video_id, Failure("moderation", "Not here."))
    told = [message_of(each) for each in await house.events(VideoEvent, Topic.VIDEOS)]
    assert [each.kind for each in told if each] == ["video.rejected"] * 4
    assert len({each.message_id for each in told if each}) == 3
