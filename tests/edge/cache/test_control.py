from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.control import MAX_DELTA_S, parse, response_directives
from edge.cache.structured import InnerList, parse_dictionary


@pytest.mark.parametrize(
    ("field", "name", "seconds"),
    [
        ("max-age=60", "max-age", 60),
        ("MAX-AGE=60", "max-age", 60),
        ('max-age="60"', "max-age", 60),
        ("max-age=0060", "max-age", 60),
        ("max-age=99999999999999999999", "max-age", MAX_DELTA_S),
        ("max-age=-1", "max-age", 0),
        ("max-age=1.5", "max-age", 0),
        ("max-age=", "max-age", 0),
        ("max-age", "max-age", 0),
        ("max-age=a", "max-age", 0),
        ("max-age='60'", "max-age", 0),
        ("max-age=60, max-age=1", "max-age", 60),
        ("max-age =60", "max-age", None),
        ('x="max-age=60"', "max-age", None),
        ('x="a\\", max-age=60, \\"b", max-age=5', "max-age", 5),
        (",, ,max-age=7,", "max-age", 7),
        ("no-cache", "max-age", None),
    ],
)
def test_seconds_of_a_directive(field: str, name: str, seconds: int | None) -> None:
    assert parse([field.encode()]).delta_s(name) == seconds


def test_lines_are_one_list() -> None:
    directives = parse([b"no-cache", b"max-age=5"])
    assert "no-cache" in directives
    assert directives.delta_s("max-age") == 5


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_no_bytes_make_the_parsers_raise(lines: list[bytes]) -> None:
    directives = parse(lines)
    for name in directives.arguments:
        assert 0 <= (directives.delta_s(name) or 0) <= MAX_DELTA_S
    response_directives(tuple((b"cdn-cache-control", line) for line in lines))


@given(st.dictionaries(st.sampled_from(["max-age", "s-maxage", "stale-if-error", "x"]), st.integers(0, 10**6)))
def test_what_was_written_is_read(written: dict[str, int]) -> None:
    field = ", ".join(f"{name}={seconds}" for name, seconds in written.items()).encode()
    directives = parse([field])
    assert {name: directives.delta_s(name) for name in directives.arguments} == written


@pytest.mark.parametrize(
    ("targeted", "expected"),
    [
        ("max-age=9", 9),
        ("max-age=9;x=1, foo", 9),
        ('max-age="9"', None),
        ("max-age=9, &&&", 3),
        ("max-age =9", 3),
        ("", 3),
        ("MaX-age=9", 3),
        ("max-age=9,", 3),
        ("private", None),
    ],
)
def test_a_targeted_field_counts_only_if_it_is_a_valid_dictionary(targeted: str, expected: int | None) -> None:
    headers = ((b"cache-control", b"max-age=3"), (b"cdn-cache-control", targeted.encode()))
    assert response_directives(headers).delta_s("max-age") == expected


def test_the_most_specific_targeted_field_wins() -> None:
    headers = ((b"cdn-cache-control", b"max-age=1"), (b"reelway-cdn-cache-control", b"max-age=2"))
    assert response_directives(headers).delta_s("max-age") == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1, b=?0, c", {"a": 1, "b": False, "c": True}),
        ("a=1.5;q=2", {"a": 1.5}),
        ('a="x\\"y"', {"a": 'x\\"y'}),
        ("a=(1 2);x, b=:aGk=:", {"a": InnerList((1, 2)), "b": b":aGk=:"}),
        ("a=1,a=2", {"a": 2}),
        ("a=@1659578233", {"a": b"@1659578233"}),
        ("A=1", None),
        ("a=1 b=2", None),
        ("a=1,,b=2", None),
        ("a=(1", None),
        ("a=1.", None),
        ("a=1234567890123456", None),
    ],
)
def test_dictionaries_of_structured_fields(text: str, value: object) -> None:
    assert parse_dictionary(text) == value
