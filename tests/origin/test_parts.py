from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from origin.objects.base import Part
from origin.parts import STRAY_NUMBERS, counting_parts


def parts(*numbers: int) -> list[Part]:
    return [Part(number, 1, "") for number in numbers]


def counting(*numbers: int) -> list[int]:
    return [part.number for part in counting_parts(parts(*numbers))]


def test_parts_without_gaps_all_count():
    assert counting() == []
    assert counting(1) == [1]
    assert counting(3, 1, 2) == [1, 2, 3]


def test_two_missing_numbers_are_a_takeover_without_a_stray():
    assert counting(1, 2, 5, 6) == [1, 2, 5, 6]
    assert counting(3) == [3]


def test_one_missing_number_tells_a_stray_before_it():
    assert counting(1, 2, 3, 5) == [1, 2, 5]
    assert counting(1, 3) == [3]


def test_each_of_several_writers_may_leave_a_stray():
    assert counting(1, 2, 4, 6) == [1, 6]
    assert counting(1, 4, 6) == [1, 6]
    assert counting(1, 2, 6) == [1, 6]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.sets(st.integers(0, 2)))))
def test_whatever_strays_arrive_the_parts_of_those_who_held_the_upload_count(takeovers):
    held: list[int] = []
    stray: list[int] = []
    for strays, stored, arrived in takeovers:
        begin = (held[-1] if held else 0) + 1
        stray += [begin + STRAY_NUMBERS * n for n in arrived if n < strays]
        begin += STRAY_NUMBERS * strays
        held += range(begin, begin + stored)
    assert counting(*held, *stray) == held
