"""When two clips are alike, by their prints alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from origin.prints import (
    ASKED_PICTURES,
    ASKED_SOUNDS,
    BANDS,
    BITS,
    DOUBTFUL,
    FOUND_BY_EVERY,
    FREQUENCIES,
    HASH_BYTES,
    Glimpses,
    Likeness,
    Print,
    PrintRules,
    asked_bands,
    bands,
    compare,
    distance,
    glimpsed_bands,
    likely,
    mirrored,
    resembles,
)

RULES = PrintRules()
SEEDS = st.integers(0, 2**32 - 1)


def a_print(seed: int, pictures: int = 48, sounds: int = 0) -> Print:
    """Pictures that have nothing to do with each other, as in a clip of many cuts."""
    chance = np.random.default_rng(seed)
    hashes = chance.integers(0, 256, (pictures, HASH_BYTES), np.uint8)
    hashes[:, 0] |= 0x80
    return Print(hashes.tobytes(), chance.integers(0, 256, 4 * sounds, np.uint8).tobytes())


def noisy(print_: Print, bits: int, seed: int = 1) -> Print:
    """With so many bits of each picture turned."""
    chance = np.random.default_rng(seed)
    spread = np.unpackbits(np.frombuffer(print_.pictures, np.uint8).reshape(-1, HASH_BYTES), axis=1)
    for row in spread:
        row[1 + chance.choice(255, bits, replace=False)] ^= 1
    return Print(np.packbits(spread, axis=1).tobytes(), print_.sound)


def part(print_: Print, start: int, length: int) -> Print:
    return Print(print_.pictures[HASH_BYTES * start : HASH_BYTES * (start + length)])


def glimpses(print_: Print) -> Glimpses:
    """Of moments by which prints are found."""
    places = range(0, pictures_of(print_), 3 * FOUND_BY_EVERY)
    return Glimpses(b"".join(part(print_, place, 1).pictures for place in places), bytes(BITS * len(places)))


def pictures_of(print_: Print) -> int:
    return len(print_.pictures) // HASH_BYTES


LENGTHS = st.tuples(st.integers(0, 40), st.integers(0, 130))


@given(SEEDS, LENGTHS, LENGTHS)
@settings(max_examples=150)
def test_clips_of_any_lengths_can_be_compared_and_looked_up(
    seed: int, ours: tuple[int, int], theirs: tuple[int, int]
) -> None:
    one, other = a_print(seed, *ours), a_print(seed + 1, *theirs)
    assert compare(one, other, RULES) is compare(other, one, RULES) is Likeness.NONE
    assert distance(one, other, RULES) > RULES.same_distance
    assert not asked_bands(one) & bands(other)


@given(SEEDS, st.integers(0, 64), st.integers(65, 130))
@settings(max_examples=30)
def test_sound_that_is_shorter_than_a_run_is_compared_with_none(seed: int, short: int, long: int) -> None:
    whole = a_print(seed, 0, long)
    assert compare(Print(b"", whole.sound[: 4 * short]), whole, RULES) is Likeness.NONE


@given(SEEDS, st.integers(8, 40))
@settings(max_examples=50)
def test_a_mirrored_clip_is_the_same_and_is_found(seed: int, pictures: int) -> None:
    ours = a_print(seed, pictures)
    assert compare(mirrored(ours), ours, RULES) is Likeness.SAME
    assert mirrored(mirrored(ours)) == ours
    assert asked_bands(mirrored(ours)) & bands(ours)


@given(SEEDS, st.integers(0, 24), st.integers(8, 24))
@settings(max_examples=50)
def test_what_is_left_of_a_trimmed_clip_is_the_same_either_way_round(seed: int, start: int, length: int) -> None:
    whole = a_print(seed)
    assert compare(part(whole, start, length), whole, RULES) is Likeness.SAME
    assert compare(whole, part(whole, start, length), RULES) is Likeness.SAME


@given(SEEDS, SEEDS)
@settings(max_examples=50)
def test_likeness_knows_no_order(one: int, other: int) -> None:
    ours, theirs = noisy(a_print(one), 60, other), a_print(one)
    assert compare(ours, theirs, RULES) is compare(theirs, ours, RULES)
    assert distance(ours, theirs, RULES) == distance(theirs, ours, RULES) == 60


def test_clips_with_nothing_in_common_are_not_alike() -> None:
    assert compare(a_print(1), a_print(2), RULES) is Likeness.NONE


@pytest.mark.parametrize(
    ("bits", "likeness"),
    [
        (int(RULES.same_distance), Likeness.SAME),
        (int(RULES.same_distance) + 1, Likeness.SIMILAR),
        (int(RULES.similar_distance), Likeness.SIMILAR),
        (int(RULES.similar_distance) + 1, Likeness.NONE),
    ],
)
def test_how_far_a_copy_may_be(bits: int, likeness: Likeness) -> None:
    ours = a_print(1)
    assert compare(noisy(ours, bits), ours, RULES) is likeness


def test_a_short_quotation_in_a_longer_clip_is_similar_only() -> None:
    ours, theirs = a_print(1, 80), a_print(2, 80)
    quoting = Print(ours.pictures[: HASH_BYTES * 60] + part(theirs, 20, 20).pictures)
    assert compare(quoting, theirs, RULES) is Likeness.SIMILAR


def test_pictures_that_tell_nothing_make_no_likeness() -> None:
    black = Print(bytes(HASH_BYTES * 20))
    assert compare(black, black, RULES) is Likeness.NONE
    assert mirrored(black) == black
    assert bands(black) == asked_bands(black) == frozenset()


def test_less_than_two_seconds_tell_too_little() -> None:
    short = a_print(1, 7)
    assert compare(short, short, RULES) is Likeness.NONE
    assert compare(Print(b""), a_print(1), RULES) is Likeness.NONE


@pytest.mark.parametrize("turned", [False, True])
def test_glimpses_of_a_copy_resemble_the_clip_and_find_it_either_way_round(turned: bool) -> None:
    clip = a_print(1)
    copy = glimpses(mirrored(noisy(clip, 5)) if turned else noisy(clip, 5))
    assert resembles(copy, clip, RULES)
    assert glimpsed_bands(copy) & bands(clip)
    assert not resembles(copy, a_print(2), RULES)


@given(SEEDS)
def test_a_weak_bit_that_is_the_other_way_loses_no_band(seed: int) -> None:
    chance = np.random.default_rng(seed)
    clip = a_print(seed, 1)
    strengths = chance.integers(1, 256, BITS, np.uint8)
    asked = glimpsed_bands(Glimpses(clip.pictures, strengths.tobytes()))
    assert bands(clip) <= asked
    assert bands(mirrored(clip)) <= asked
    assert len(asked) <= 2 * len(BANDS) * 2**DOUBTFUL
    weakest = int(np.argmin(strengths[1:])) + 1
    spread = np.unpackbits(np.frombuffer(clip.pictures, np.uint8))
    spread[weakest] ^= 1
    assert bands(Print(np.packbits(spread).tobytes())) <= asked


def test_of_a_clip_with_other_parts_two_glimpses_that_are_the_same_suffice_and_one_does_not() -> None:
    for same, alike in ((1, False), (2, True)):
        clip = Print(part(a_print(2), 0, 6 * same).pictures + a_print(1).pictures)
        assert resembles(glimpses(clip), a_print(2), RULES) is alike


def test_glimpses_that_tell_nothing_resemble_nothing() -> None:
    black, none = glimpses(Print(bytes(HASH_BYTES * 48))), Glimpses(b"", b"")
    assert not resembles(black, Print(bytes(HASH_BYTES * 20)), RULES)
    assert not resembles(none, a_print(1), RULES)
    assert not resembles(glimpses(a_print(1)), Print(b""), RULES)
    assert glimpsed_bands(black) == glimpsed_bands(none) == frozenset()


def test_the_same_sound_under_other_pictures_is_the_same_sound_only() -> None:
    ours, theirs = a_print(1, sounds=100), a_print(2)
    assert compare(ours, Print(theirs.pictures, ours.sound[40:]), RULES) is Likeness.SOUND
    assert compare(ours, Print(theirs.pictures, a_print(3, sounds=100).sound), RULES) is Likeness.NONE


@pytest.mark.parametrize(
    ("start", "length", "likeness"),
    [(0, 200, Likeness.SOUND), (0, 180, Likeness.SOUND), (20, 180, Likeness.SOUND), (0, 179, Likeness.NONE)],
)
def test_sound_is_the_same_only_where_that_is_nearly_the_whole_of_both_clips(
    start: int, length: int, likeness: Likeness
) -> None:
    ours, theirs = a_print(1, sounds=200), a_print(2, sounds=200)
    shorter = Print(theirs.pictures, ours.sound[4 * start : 4 * (start + length)])
    rest = (200 - length) * 4
    for other in (shorter, Print(theirs.pictures, theirs.sound[:rest] + shorter.sound)):
        assert compare(ours, other, RULES) is compare(other, ours, RULES) is likeness


def test_music_in_common_with_something_else_before_and_behind_it_is_no_likeness() -> None:
    ours, theirs = a_print(1, sounds=200), a_print(2, sounds=200)
    quoting = Print(theirs.pictures, theirs.sound[:160] + ours.sound[160:640] + theirs.sound[640:])
    assert compare(ours, quoting, RULES) is compare(quoting, ours, RULES) is Likeness.NONE


def test_silence_is_like_no_silence() -> None:
    silent = Print(b"", bytes(4 * 200))
    assert compare(silent, silent, RULES) is Likeness.NONE
    assert bands(silent) == frozenset()


def test_the_longest_clip_asks_for_a_bounded_number_of_bands() -> None:
    assert len(asked_bands(a_print(1, 2000, 9000))) <= 2 * len(BANDS) * ASKED_PICTURES + ASKED_SOUNDS


def test_a_text_in_the_middle_leaves_bands_by_which_a_copy_is_found() -> None:
    ours = a_print(1)
    bits = np.unpackbits(np.frombuffer(ours.pictures, np.uint8).reshape(-1, HASH_BYTES), axis=1)
    even_across = [1 + place for place, (_, across) in enumerate(FREQUENCIES) if across % 2 == 0]
    bits[:, even_across] ^= 1
    assert asked_bands(Print(np.packbits(bits, axis=1).tobytes())) & bands(ours)


def test_those_that_share_the_most_are_compared() -> None:
    assert likely([3, 1, 2, 1, 2, 1], 2) == [1, 2]
