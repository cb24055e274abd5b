"""The rules behind the S3 backend: what a URL means, whose fault an error is, which parts count."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.objects import (
    InvalidKey,
    NoSuchObject,
    StoreDenied,
    StoreFull,
    StoreUnavailable,
    StoreUnprepared,
    TooManyParts,
    crc32,
)
from origin.objects.base import Part
from origin.objects.s3_errors import fault
from origin.objects.s3_parts import (
    LEAST_SENT_BYTES,
    MOST_NUMBER,
    Held,
    Piece,
    Sent,
    Upload,
    held,
    upload_of,
)
from origin.objects.s3_replication import lifecycle_rules, merged, missing
from origin.objects.s3_url import parse

MIB = 1 << 20


def test_a_url_names_bucket_endpoint_region_and_credentials():
    place = parse("s3://key:se%2Fcret@clips?endpoint=https://s3.example:9000&region=eu-west-1")
    assert (place.bucket, place.endpoint, place.region) == ("clips", "https://s3.example:9000", "eu-west-1")
    assert (place.access_key, place.secret_key, place.addressing) == ("key", "se/cret", "path")
    assert "cret" not in f"{place} {place!r}"


def test_without_endpoint_and_credentials_it_is_aws_by_its_default_chain():
    place = parse("s3://clips")
    assert (place.endpoint, place.region, place.access_key, place.addressing) == (None, None, None, "auto")


def test_a_replica_is_a_url_in_the_url():
    place = parse("s3://a:b@clips?replica=s3://c:d@copies%3Fendpoint%3Dhttp://b.example%26region%3Deu-west-1")
    assert place.replica is not None
    assert (place.replica.bucket, place.replica.region, place.replica.access_key) == ("copies", "eu-west-1", "c")


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://Clips",
        "s3://clips/prefix",
        "s3://key@clips",
        "s3://:secret@clips",
        "s3://clips?endpoint=ftp://x",
        "s3://clips?endpoint=http://",
        "s3://clips?region=a&region=b",
        "s3://clips?regoin=a",
        "s3://clips?addressing=dns",
        "s3://clips?replica=s3://b%3Freplica=s3://ccc",
        "s3://clips?replica=s3://bbb%3Freplica=s3://ccc",
    ],
)
def test_a_url_that_names_no_bucket_is_refused(url):
    with pytest.raises(ValueError):
        parse(url)


@pytest.mark.parametrize("bucket", ["b", "Clips", "-clips", "clips-"])
def test_a_bucket_that_can_have_no_such_name_is_told_what_names_are(bucket):
    with pytest.raises(ValueError, match=rf"'{bucket}' cannot be a bucket's name: 3 to 63"):
        parse(f"s3://{bucket}?region=x")


def test_a_refused_url_is_not_told_with_its_secret():
    with pytest.raises(ValueError) as refused:
        parse("s3://key:hidden@clips?regoin=a")
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchBucket", 404, StoreUnprepared),
        ("404", 404, NoSuchObject),
        ("NoSuchUpload", 404, NoSuchObject),
        ("403", 403, StoreDenied),
        ("SignatureDoesNotMatch", 403, StoreDenied),
        ("RequestTimeTooSkewed", 403, StoreDenied),
        ("PermanentRedirect", 301, StoreDenied),
        ("QuotaExceeded", 403, StoreFull),
        ("KeyTooLongError", 400, InvalidKey),
        ("BadDigest", 400, StoreUnavailable),
        ("SlowDown", 503, StoreUnavailable),
        ("InternalError", 500, StoreUnavailable),
        ("a code of tomorrow", 502, StoreUnavailable),
    ],
)
def test_an_error_says_whose_fault_it_is(code, status, kind):
    error = fault(code, status, "", "put_object raw/1", "s3://clips at http://h:1")
    assert type(error) is kind
    assert "s3://clips at http://h:1" in str(error)


def test_a_wrong_clock_is_named_as_such():
    assert "clock" in str(fault("RequestTimeTooSkewed", 403, "", "check", "s3://clips"))


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_checksums_of_parts_give_the_checksum_of_the_whole(blocks):
    joined = 0
    for block in blocks:
        joined = crc32.combine(joined, crc32.of(block), len(block))
    assert joined == zlib.crc32(b"".join(blocks))


@pytest.mark.parametrize("direct", [False, True])
def test_a_multipart_id_is_read_back_and_taken_for_one_of_its_kind_only(direct):
    upload = Upload("raw/1.mp4", "ab" * 16, "2~opaque/+=id", direct)
    assert upload_of(upload.identifier, direct=direct) == upload
    assert upload_of(upload.identifier, direct=None) == upload
    with pytest.raises(NoSuchObject):
        upload_of(upload.identifier, direct=not direct)


@given(st.text(max_size=80))
def test_any_text_is_a_multipart_id_or_no_such_object(text):
    with pytest.raises(NoSuchObject):
        upload_of(text)


class Store:
    """S3's two lists, changed as the backend changes them."""

    def __init__(self) -> None:
        self.sent: dict[int, Sent] = {}
        self.pieces: dict[str, Piece] = {}

    def held(self) -> Held:
        return held(self.sent.values(), self.pieces.values())

    def put(self, number: int, size_bytes: int) -> None:
        slot = self.held().slot(number)
        if slot.is_sent(size_bytes):
            self.sent[slot.s3_number] = Sent(slot.s3_number, slot.before_bytes + size_bytes, "")
            if slot.outdated:
                del self.pieces[slot.outdated]
        else:
            self.pieces[slot.piece] = Piece(number, size_bytes, "", slot.piece.endswith("r"))


SIZES = st.sampled_from([1, 1000, MIB, 4 * MIB, 5 * MIB - 1, 5 * MIB, 6 * MIB])


@given(st.lists(st.tuples(SIZES, st.booleans()), max_size=12))
def test_what_counts_is_what_was_put_last_and_only_the_last_part_is_small(puts):
    store, model = Store(), {}
    number = 0
    for size_bytes, again in puts:
        number = number if again and number else number + 1
        store.put(number, size_bytes)
        model[number] = size_bytes
        parts = store.held().parts()
        assert sum(part.size_bytes for part in parts) == sum(model.values())
        assert parts[-1].number == number
        assert all(part.size_bytes >= LEAST_SENT_BYTES for part in store.held().sent)
        assert sum(piece.size_bytes for piece in store.held().tail) < LEAST_SENT_BYTES
        store.held().refuse_other(parts, "key")
        store.held().refuse_other([Part(n, size, "") for n, size in model.items()], "key")


@given(st.lists(SIZES, min_size=1, max_size=8), st.data())
def test_parts_of_another_size_or_number_are_not_what_is_held(sizes, data):
    store = Store()
    for number, size_bytes in enumerate(sizes, 1):
        store.put(number, size_bytes)
    given_parts = [Part(number, size_bytes, "") for number, size_bytes in enumerate(sizes, 1)]
    wrong = data.draw(st.integers(0, len(sizes) - 1))
    other = [*given_parts[:wrong], Part(wrong + 1, sizes[wrong] + 1, ""), *given_parts[wrong + 1 :]]
    for parts in (other, given_parts[:-1], [*given_parts, Part(len(sizes) + 1, 1, "")]):
        with pytest.raises(NoSuchObject):
            store.held().refuse_other(parts, "key")


def test_the_tail_of_a_completion_that_did_not_end_does_not_count():
    state = held([Sent(2, 5 * MIB, "a"), Sent(10_000, 7, "tail")], [Piece(2, 7, "b")])
    assert state.parts() == [Part(1, 5 * MIB, "a"), Part(2, 7, "b")]


def test_numbers_ascend_from_1_to_what_s3_can_count():
    state = held([Sent(6, 5 * MIB, "")], [])
    for number in (0, 2):
        with pytest.raises(ValueError):
            state.slot(number)
    with pytest.raises(TooManyParts):
        state.slot(MOST_NUMBER + 1)
    assert state.slot(MOST_NUMBER).s3_number < 10_000


def test_a_lifecycle_rule_is_set_once_and_beside_those_of_others():
    wanted = lifecycle_rules(versioned=True)
    others = [{"ID": "theirs", "Status": "Enabled"}]
    assert missing(wanted, others) == wanted
    everything = merged(wanted, others)
    assert everything[0] == others[0]
    assert missing(wanted, everything) == []
    assert merged(wanted, everything) == everything
    dropped = [{key: value for key, value in rule.items() if "Abort" not in key} for rule in everything]
    assert missing(wanted, dropped) == wanted[:1]
