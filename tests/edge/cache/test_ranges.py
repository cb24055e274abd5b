from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.ranges import MAX_RANGES, Parts, Span, Unsatisfiable, Whole, resolve


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("bytes=0-0", Parts((Span(0, 1),))),
        ("bytes=-1", Parts((Span(9, 10),))),
        ("bytes=9-", Parts((Span(9, 10),))),
        ("bytes=0-99999999999999999999999999", Parts((Span(0, 10),))),
        ("bytes=-99999999999999999999999999", Parts((Span(0, 10),))),
        ("bytes=99999999999999999999999999-", Unsatisfiable()),
        ("bytes=10-", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
        ("bytes=10-,-0", Unsatisfiable()),
        ("bytes=20-30,0-1", Parts((Span(0, 2),))),
        ("bytes=5-2", Whole()),
        ("bytes=0-1,5-2", Whole()),
        ("bytes=", Whole()),
        ("bytes=,", Whole()),
        ("bytes", Whole()),
        ("bytes=a-b", Whole()),
        ("bytes=-", Whole()),
        ("bytes=1-2-3", Whole()),
        ("bytes=+1-2", Whole()),
        ("bytes=0x1-2", Whole()),
        ("items=0-1", Whole()),
        ("BYTES=0-1", Parts((Span(0, 2),))),
        ("bytes=0-, 0-", Parts((Span(0, 10),))),
        ("bytes=0-1,2-3", Parts((Span(0, 4),))),
        ("bytes=5-6,0-1", Parts((Span(5, 7), Span(0, 2)))),
        ("bytes=8-9,0-1,1-3", Parts((Span(8, 10), Span(0, 4)))),
        ("bytes=٣-٤", Whole()),
        (None, Whole()),
    ],
)
def test_a_range_field_means_what_the_standard_says(value: str | None, outcome: object) -> None:
    assert resolve(value, 10) == outcome


def test_of_an_empty_body_no_range_can_be_had() -> None:
    assert resolve("bytes=0-", 0) == resolve("bytes=-1", 0) == Unsatisfiable()


def test_many_ranges_are_answered_with_the_whole_body() -> None:
    tiny = ",".join(f"{place * 2}-{place * 2}" for place in range(MAX_RANGES + 1))
    assert resolve(f"bytes={tiny}", 1000) == Whole()


specs = st.lists(
    st.tuples(st.integers(0, 30) | st.none(), st.integers(0, 30) | st.none()).filter(lambda p: p != (None, None)),
    min_size=1,
    max_size=MAX_RANGES,
)


def _wanted(spec: tuple[int | None, int | None], length: int) -> set[int]:
    first, last = spec
    if first is None:
        assert last is not None
        return set(range(length)[-last:]) if last else set()
    return {place for place in range(length) if place >= first and (last is None or place <= last)}


@given(specs, st.integers(0, 25))
def test_ranges_agree_with_a_naive_model(asked: list[tuple[int | None, int | None]], length: int) -> None:
    text = ",".join(f"{'' if first is None else first}-{'' if last is None else last}" for first, last in asked)
    outcome = resolve(f"bytes={text}", length)
    if any(first is not None and last is not None and last < first for first, last in asked):
        assert outcome == Whole()
        return
    wanted = set().union(*(_wanted(spec, length) for spec in asked))
    if not wanted:
        assert outcome == Unsatisfiable()
        return
    assert isinstance(outcome, Parts)
    sent = [place for span in outcome.spans for place in range(span.start, span.end)]
    assert set(sent) == wanted
    assert len(sent) == len(set(sent)), "no byte is sent twice"
    ordered = sorted(outcome.spans)
    assert all(left.end < right.start for left, right in pairwise(ordered))


@given(st.text(max_size=40), st.integers(0, 100))
def test_no_text_makes_the_parser_raise_or_leave_the_body(value: str, length: int) -> None:
    for text in (value, f"bytes={value}"):
        outcome = resolve(text, length)
        if isinstance(outcome, Parts):
            assert all(0 <= span.start < span.end <= length for span in outcome.spans)
