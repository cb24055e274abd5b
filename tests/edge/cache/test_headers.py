from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.conditions import evaluate, range_applies
from edge.cache.headers import Headers, end_to_end, format_date, list_members, parse_date
from edge.cache.key import matches, normalised, selecting, variant_key, vary_names

NOW_S = 1_800_000_000


@pytest.mark.parametrize(
    ("text", "epoch_s"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        ("Sun Nov  6 08:49:37 1994", 784111777),
        ("sun, 06 NOV 1994 08:49:37 gmt", 784111777),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Nov 94 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 8:49:37 GMT", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:60 GMT", 784111799),
        ("0", None),
        ("", None),
    ],
)
def test_dates_are_read_in_their_three_forms_only(text: str, epoch_s: int | None) -> None:
    assert parse_date(text.encode(), NOW_S) == epoch_s


def test_a_two_digit_year_is_never_more_than_fifty_years_ahead() -> None:
    assert parse_date(b"Monday, 01-Jan-76 00:00:00 GMT", NOW_S) == parse_date(b"Wed, 01 Jan 2076 00:00:00 GMT")
    assert parse_date(b"Monday, 01-Jan-78 00:00:00 GMT", NOW_S) == parse_date(b"Sun, 01 Jan 1978 00:00:00 GMT")


@given(st.integers(0, 4_000_000_000))
def test_a_date_that_was_written_is_read(epoch_s: int) -> None:
    assert parse_date(format_date(epoch_s)) == epoch_s


@given(st.binary(max_size=40))
def test_no_bytes_make_the_date_parser_raise(value: bytes) -> None:
    parse_date(value, NOW_S)


def test_fields_of_one_connection_are_dropped_with_those_they_list() -> None:
    headers = ((b"Connection", b"a, Keep-Alive"), (b"A", b"1"), (b"B", b"2"), (b"te", b"x"), (b"Keep-Alive", b"1"))
    assert end_to_end(headers) == ((b"b", b"2"),)


def test_lists_respect_quotes() -> None:
    assert list_members('a, "b, c" , ,d="x\\", y"') == ["a", '"b, c"', 'd="x\\", y"']


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        (b"foo", "1,2", " 1 , 2 "),
        (b"accept-language", "en, de", "DE , en"),
        (b"accept-encoding", "gzip, br", "br;q=0.1,gzip;q=1.0, identity"),
        (b"accept-encoding", "gzip", "GZIP, br;q=0"),
    ],
)
def test_spellings_of_one_wish_select_one_variant(name: bytes, one: str, other: str) -> None:
    assert normalised(name, one) == normalised(name, other)


def test_a_missing_field_and_an_empty_one_are_different_variants() -> None:
    vary = selecting((b"foo",), ())
    assert matches(vary, ())
    assert not matches(vary, ((b"foo", b""),))
    assert variant_key(vary) != variant_key(selecting((b"foo",), ((b"foo", b""),)))


@pytest.mark.parametrize("value", [b"*", b"foo, *", b"*, foo", b", *"])
def test_a_star_anywhere_in_vary_matches_nothing(value: bytes) -> None:
    assert vary_names(((b"vary", b"a"), (b"vary", value))) is None


RESPONSE: Headers = (
    (b"etag", b'"e1"'),
    (b"last-modified", format_date(NOW_S - 100)),
    (b"date", format_date(NOW_S)),
)


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        (b"if-none-match", b'"e1"', "not-modified"),
        (b"if-none-match", b'W/"e1"', "not-modified"),
        (b"if-none-match", b'"a", "e1"', "not-modified"),
        (b"if-none-match", b"*", "not-modified"),
        (b"if-none-match", b'"e2"', "proceed"),
        (b"if-none-match", b"e1", "proceed"),
        (b"if-modified-since", format_date(NOW_S - 100), "not-modified"),
        (b"if-modified-since", format_date(NOW_S - 101), "proceed"),
        (b"if-modified-since", b"yesterday", "proceed"),
        (b"if-match", b'"e1"', "proceed"),
        (b"if-match", b'W/"e1"', "failed"),
        (b"if-match", b"*", "proceed"),
        (b"if-match", b'"e2"', "failed"),
        (b"if-unmodified-since", format_date(NOW_S - 101), "failed"),
        (b"if-unmodified-since", format_date(NOW_S - 100), "proceed"),
    ],
)
def test_one_condition(name: bytes, value: bytes, verdict: str) -> None:
    assert evaluate(((name, value),), 200, RESPONSE) == verdict
    assert evaluate(((name, value),), 404, RESPONSE) == "proceed"


def test_conditions_have_an_order_of_precedence() -> None:
    old = (b"if-modified-since", format_date(NOW_S))
    assert evaluate(((b"if-none-match", b'"e2"'), old), 200, RESPONSE) == "proceed"
    assert evaluate(((b"if-match", b'"e2"'), (b"if-none-match", b'"e1"')), 200, RESPONSE) == "failed"


@pytest.mark.parametrize(
    ("value", "applies"),
    [
        (None, True),
        (b'"e1"', True),
        (b'W/"e1"', False),
        (b'"e2"', False),
        (format_date(NOW_S - 100), True),
        (format_date(NOW_S - 99), False),
        (b"nonsense", False),
    ],
)
def test_if_range_needs_the_same_strong_validator(value: bytes | None, applies: bool) -> None:
    headers = () if value is None else ((b"if-range", value),)
    assert range_applies(headers, RESPONSE) is applies


def test_a_date_as_new_as_its_response_never_satisfies_if_range() -> None:
    modified = (b"last-modified", format_date(NOW_S))
    asked = ((b"if-range", format_date(NOW_S)),)
    assert not range_applies(asked, (modified, (b"date", format_date(NOW_S))))
    assert range_applies(asked, (modified, (b"date", format_date(NOW_S + 1))))


def test_a_weak_tag_never_satisfies_if_range() -> None:
    assert not range_applies(((b"if-range", b'W/"e1"'),), ((b"etag", b'W/"e1"'),))
