from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.cursor import LONGEST, MARKS_MOST, POSITION_MOST, BadCursor, Cursor, Kind, decode, encode, mark

IDS = st.integers(0, (1 << 63) - 1)
CURSORS = st.builds(
    Cursor,
    st.sampled_from(Kind),
    st.binary(min_size=8, max_size=8),
    st.integers(0, POSITION_MOST),
    IDS,
    st.lists(st.integers(0, (1 << 24) - 1), max_size=MARKS_MOST).map(tuple),
)


@given(CURSORS, IDS)
def test_a_cursor_comes_back_as_it_was_given(cursor, user_id):
    text = encode(cursor, user_id)
    assert len(text) <= LONGEST
    assert decode(text, user_id, cursor.kind) == cursor


@given(CURSORS, IDS, IDS)
def test_a_cursor_of_another_user_is_refused(cursor, user_id, other_id):
    if user_id != other_id:
        with pytest.raises(BadCursor):
            decode(encode(cursor, user_id), other_id, cursor.kind)


@given(CURSORS, st.data())
def test_a_tampered_cursor_is_refused(cursor, data):
    text = encode(cursor, 1)
    at = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda c: c != text[at]))
    with pytest.raises(BadCursor):
        decode(text[:at] + other + text[at + 1 :], 1, cursor.kind)


@given(CURSORS)
def test_a_cursor_of_the_other_feed_is_refused(cursor):
    other = Kind.FOLLOWING if cursor.kind is Kind.FOR_YOU else Kind.FOR_YOU
    with pytest.raises(BadCursor):
        decode(encode(cursor, 1), 1, other)


@given(CURSORS, st.integers(1 << 63, (1 << 64) - 1))
def test_a_forged_place_beyond_every_id_is_refused(cursor, beyond):
    forged = Cursor(cursor.kind, cursor.feed_id, cursor.position, beyond, cursor.marks)
    with pytest.raises(BadCursor):
        decode(encode(forged, 1), 1, cursor.kind)


def test_a_forged_position_beyond_the_longest_feed_is_refused(monkeypatch):
    far = Cursor(Kind.FOR_YOU, b"feed id!", POSITION_MOST + 1)
    assert decode(encode(far, 1), 1, Kind.FOR_YOU).position == POSITION_MOST
    with monkeypatch.context() as forging:
        forging.setattr("feed.cursor.POSITION_MOST", POSITION_MOST + 1)
        forged = encode(far, 1)
    with pytest.raises(BadCursor):
        decode(forged, 1, Kind.FOR_YOU)


@given(st.text(max_size=2 * LONGEST))
def test_any_other_text_is_refused_in_one_way(text):
    with pytest.raises(BadCursor):
        decode(text, 1, Kind.FOR_YOU)


def test_a_long_session_keeps_its_newest_marks():
    cursor = Cursor(Kind.FOR_YOU, bytes(8), 5, marks=tuple(range(MARKS_MOST + 10)))
    assert decode(encode(cursor, 1), 1, Kind.FOR_YOU).marks == tuple(range(10, MARKS_MOST + 10))


def test_marks_of_neighbouring_snowflakes_differ():
    first = 600_000_000_000_000_000
    ids = [first + n for n in range(500)] + [first + (n << 12) for n in range(500)]
    assert len({mark(i) for i in ids}) >= len(ids) - 2
