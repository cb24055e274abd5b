"""Page cursors as clients may send them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.gateway.cursors import BadCursor, decode, encode
from origin.ids import MAX_ID


@given(st.integers(0, MAX_ID))
def test_a_cursor_comes_back_as_it_was_given(position: int) -> None:
    assert decode("videos", encode("videos", position)) == position


@given(st.integers(MAX_ID + 1, 10**19 - 1))
def test_a_forged_position_that_no_store_can_hold_is_refused(position: int) -> None:
    with pytest.raises(BadCursor):
        decode("videos", encode("videos", position))


@given(st.text(max_size=200))
def test_any_other_text_is_refused_in_one_way(text: str) -> None:
    with pytest.raises(BadCursor):
        decode("videos", text)
