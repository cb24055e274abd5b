"""Hashes of pictures: what they outlast, and what they say nothing about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from origin.prints import HASH_BYTES, Print, mirrored
from packager.prints import EDGE, hashes


def pictures(seed: int, count: int = 3) -> NDArray[np.uint8]:
    """Soft blots, with the full range of grey."""
    chance = np.random.default_rng(seed)
    coarse = chance.normal(size=(count, 12, 12))
    grey = np.kron(coarse, np.ones((8, 8)))
    return np.asarray(np.clip(128 + 45 * grey, 40, 255).astype(np.uint8))


def bits_apart(one: bytes, other: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).sum())


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_the_hash_of_a_mirrored_picture_is_the_mirrored_hash(seed: int) -> None:
    taken = pictures(seed)
    turned = np.ascontiguousarray(taken[:, :, ::-1])
    assert bits_apart(hashes(turned.tobytes()), mirrored(Print(hashes(taken.tobytes()))).pictures) <= 2


@given(st.integers(0, 2**32 - 1), st.integers(0, 20))
@settings(max_examples=30)
def test_black_borders_are_cut_before(seed: int, border: int) -> None:
    taken = pictures(seed, 1)
    boxed = np.zeros((1, EDGE, EDGE), np.uint8)
    height = EDGE - 2 * border
    rows = np.linspace(0, EDGE - 1, height).round().astype(int)
    boxed[:, border : border + height] = taken[:, rows]
    assert bits_apart(hashes(boxed.tobytes()), hashes(taken.tobytes())) <= 50


def test_brightness_and_contrast_change_nothing() -> None:
    taken = pictures(5)
    paler = (taken * 0.6 + 60).astype(np.uint8)
    assert bits_apart(hashes(paler.tobytes()), hashes(taken.tobytes())) <= 3 * 8


@pytest.mark.parametrize("grey", [0, 16, 128, 255])
def test_flat_pictures_say_nothing(grey: int) -> None:
    noise = np.random.default_rng(1).integers(-3, 4, (2, EDGE, EDGE))
    flat = np.clip(grey + noise, 0, 255).astype(np.uint8)
    assert hashes(flat.tobytes()) == bytes(2 * HASH_BYTES)


def test_a_picture_that_was_cut_short_is_left_out() -> None:
    taken = pictures(1).tobytes()
    assert hashes(taken[:-1]) == hashes(taken)[: 2 * HASH_BYTES]
    assert hashes(b"") == b""
