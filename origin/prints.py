"""Prints: what a clip looks and sounds like, so that it is known again when it is uploaded anew. Rules file.

A picture's hash is the signs of its 255 lowest frequencies (`packager.prints`), lowest first, behind one bit that says
that the picture tells anything. Mirroring a picture turns the signs of its odd horizontal frequencies, so the hash of
the mirrored picture is the hash with those bits turned: both orientations are compared, and neither is stored twice.

Thresholds are from `tests/bench/bench_prints.py`, which says how far variants of a clip and other clips are apart.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

PICTURES_PER_S = 4
"""A copy that was trimmed is seen an eighth of a second beside its original at most."""
FOUND_BY_EVERY = 2
"""Of so many pictures that follow one another a print is found by one: copies ask by all."""
HASH_BYTES = 32
BITS = 8 * HASH_BYTES
SIDE = 16
"""Frequencies a side: the lowest SIDE * SIDE, without the mean."""
SOUND_BYTES = 4
SOUNDS_PER_S = 11025 / 1365
"""Chromaprint's step: a third of a frame of 4096 samples."""
BAND_BITS = 24
"""Clips with nothing else in common share bands of 16 bits."""
_SOUND_BAND = 1 << 32
VARIETY = 0.2
"""Share of different values in a sound, below which it is silence or a hum and tells nothing."""
DOUBTFUL = 3
"""Bits of a band whose frequencies may have either sign a quarter of a second earlier or later."""
ASKED_PICTURES = 48
ASKED_SOUNDS = 96
"""So many, spread over a clip, are looked up in each orientation."""


def _frequencies() -> list[tuple[int, int]]:
    """Of the bits of a hash: vertical and horizontal, lowest first."""
    places = [(row, column) for row in range(SIDE) for column in range(SIDE) if row or column]
    return sorted(places, key=lambda place: (place[0] + place[1], place[0]))


FREQUENCIES = tuple(_frequencies())
BANDS = tuple(product((0, 1), repeat=2))
"""A band is the lowest frequencies, which outlast the most, of one parity down and across: a text in the middle of the
picture changes all the lowest frequencies together, but none that is odd across."""
_BAND_PLACES = np.array(
    [
        [1 + place for place, (row, column) in enumerate(FREQUENCIES) if (row % 2, column % 2) == band][:BAND_BITS]
        for band in BANDS
    ]
)
_MIRROR = np.packbits(np.array([0] + [column % 2 for _, column in FREQUENCIES], np.uint8))
_TELLS = 0x80
_SIGNS = np.array(list(product((0, 1), repeat=DOUBTFUL)), np.uint8)


@dataclass(frozen=True, slots=True)
class Print:
    pictures: bytes
    """HASH_BYTES each, PICTURES_PER_S; zeros where a picture tells nothing."""
    sound: bytes = b""
    """Chromaprint's raw fingerprint: SOUND_BYTES each, big-endian, SOUNDS_PER_S."""


@dataclass(frozen=True, slots=True)
class Glimpses:
    """What is known of a clip before its print is made."""

    pictures: bytes
    """HASH_BYTES each, of moments all over the clip."""
    strengths: bytes
    """Of each of their bits a byte, that of the first being 0: how far its frequency is from the other sign."""


class Likeness(IntEnum):
    """How sure it is that one clip is of the other; more is surer."""

    NONE = 0
    SOUND = 1
    """Only the sound is the same, from end to end."""
    SIMILAR = 2
    SAME = 3


@dataclass(frozen=True, slots=True)
class PrintRules:
    """Distances are bits of 255, means over a run of pictures."""

    glimpses: int = 2
    """So many that are the same make a clip one that may be the other."""
    run_s: float = 4.0
    """A run of pictures this long, in both clips alike, or all of the shorter one."""
    shortest_s: float = 2.0
    """Of a run of a shorter clip. Less than this tells too little."""
    same_distance: float = 64.0
    """Of 44 clips encoded anew, scaled, squeezed, mirrored, letterboxed or sped up half are within 10 of their
    originals, nine of ten within 50. Of 946 pairs of different ones the nearest, two slow gradients, are 76 apart,
    and 1 % within 107. Filmed clips may be nearer than these drawn ones, and nobody looks before a rejection."""
    similar_distance: float = 78.0
    """Half of the clips that were cropped by 8 % are within 70; one pair of different ones is."""
    same_share: float = 0.5
    """Of the shorter clip's pictures, in runs that are the same."""
    sound_run_s: float = 8.0
    sound_error: float = 0.2
    """Share of the bits of a run of sound that differ. Chords within a semitone of each other are the same by it: 19 of
    946 pairs, so that it only ever calls a person."""
    sound_share: float = 0.9
    """Of the longer clip's sound, in such runs of one way to lay the two side by side. Clips have music in common, or a
    part of it; one that was uploaded anew has the whole."""


def mirrored(print_: Print) -> Print:
    """The print of the clip that is mirrored left to right."""
    return Print(_turned(_hashes(print_)).tobytes(), print_.sound)


def bands(print_: Print) -> frozenset[int]:
    """The keys under which a print is found: two pictures a second, and every moment of sound, that tell anything."""
    return _bands_of(_hashes(print_)[::FOUND_BY_EVERY]) | _sound_bands(_sounds(print_))


def asked_bands(print_: Print) -> frozenset[int]:
    """The keys under which prints like this one are looked for, in both orientations; bounded however long it is."""
    pictures = _spread(_hashes(print_), ASKED_PICTURES)
    return _bands_of(pictures) | _bands_of(_turned(pictures)) | _sound_bands(_spread(_sounds(print_), ASKED_SOUNDS))


def glimpsed_bands(glimpses: Glimpses) -> frozenset[int]:
    """The keys under which prints with such pictures are looked for, in both orientations.

    A print has no picture of the very same moment. So every band is asked for with each of its DOUBTFUL weakest bits
    either way (Lv and others, "Multi-probe LSH", VLDB 2007): six in seven copies of clips in quick motion are found so,
    instead of three in four.
    """
    pictures, strengths = _rows(glimpses.pictures), np.frombuffer(glimpses.strengths, np.uint8).reshape(-1, BITS)
    weakest = np.argsort(strengths[_tell(pictures)][:, _BAND_PLACES], axis=2, kind="stable")[..., :DOUBTFUL]
    bands_ = [_bits_of_bands(each) for each in (pictures, _turned(pictures))]
    return frozenset().union(*(_keys(_with(bits, weakest, signs)) for bits in bands_ for signs in _SIGNS))


def _with(bits: NDArray[np.uint8], places: NDArray[np.int64], signs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bands in which the bits at `places` of each are `signs`."""
    changed = bits.copy()
    np.put_along_axis(changed, places, signs, axis=2)
    return changed


def likely(found: Iterable[int], most: int) -> list[int]:
    """Of videos, named once for each key that they share, those that share the most."""
    return [video_id for video_id, _ in Counter(found).most_common(most)]


def compare(ours: Print, theirs: Print, rules: PrintRules) -> Likeness:
    """How alike two clips are, whatever was cut off either, and mirrored or not."""
    orientations = (ours, mirrored(ours))
    return max(
        *(_compare_pictures(_hashes(each), _hashes(theirs), rules) for each in orientations),
        _compare_sounds(_sounds(ours), _sounds(theirs), rules),
    )


def resembles(ours: Glimpses, theirs: Print, rules: PrintRules) -> bool:
    """Whether a clip with these glimpses may be the other one, mirrored or not: `compare` of their prints tells."""
    pictures, whole = _rows(ours.pictures), _hashes(theirs)
    return any(_alike(each, whole, rules) >= rules.glimpses for each in (pictures, _turned(pictures)))


def _alike(glimpses: NDArray[np.uint8], whole: NDArray[np.uint8], rules: PrintRules) -> int:
    """How many of the glimpses are the same as any picture of the other clip."""
    telling = _tell(glimpses)[:, None] & _tell(whole)[None, :]
    return int(((_distances(glimpses, whole) <= rules.same_distance) & telling).any(axis=1).sum())


def distance(ours: Print, theirs: Print, rules: PrintRules) -> float:
    """Bits of 255 by which the nearest run of the two clips' pictures differs; infinite where there is none."""
    return min(
        (float(means.min()) for _, _, means in _aligned(_hashes(ours), _hashes(theirs), rules)), default=math.inf
    )


def _compare_pictures(ours: NDArray[np.uint8], theirs: NDArray[np.uint8], rules: PrintRules) -> Likeness:
    short, long = sorted((ours, theirs), key=len)
    nearest, same = math.inf, np.zeros(len(short), np.bool_)
    for begin, run, means in _aligned(short, long, rules):
        nearest = min(nearest, float(means.min()))
        for start in np.flatnonzero(means <= rules.same_distance):
            same[begin + start : begin + start + run] = True
    if same.any() and same.sum() >= rules.same_share * len(short):
        return Likeness.SAME
    return Likeness.SIMILAR if nearest <= rules.similar_distance else Likeness.NONE


def _aligned(
    one: NDArray[np.uint8], other: NDArray[np.uint8], rules: PrintRules
) -> Iterator[tuple[int, int, NDArray[np.float64]]]:
    """For each way to lay the shorter clip along the other: from which of its pictures on, how many make a run, and the
    mean distance of each run; infinite where less than half of it tells anything in both."""
    short, long = sorted((one, other), key=len)
    run = min(len(short), round(rules.run_s * PICTURES_PER_S))
    if run < rules.shortest_s * PICTURES_PER_S:
        return
    telling = _tell(short)[:, None] & _tell(long)[None, :]
    distances = np.where(telling, _distances(short, long), 0)
    for offset in range(run - len(short), len(long) - run + 1):
        told = _run_sums(np.diagonal(telling, offset), run)
        sums = _run_sums(np.diagonal(distances, offset), run)
        yield max(0, -offset), run, np.where(2 * told >= run, sums / np.maximum(told, 1), math.inf)


def _distances(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Bits by which each hash of the one differs from each of the other."""
    words = one.view(np.uint64)[:, None, :] ^ other.view(np.uint64)[None, :, :]
    return np.asarray(np.bitwise_count(words).sum(axis=2, dtype=np.int64))


def _run_sums(values: NDArray[Any], run: int) -> NDArray[np.int64]:
    """The sum of each run of values that follow one another."""
    sums = np.cumsum(values, dtype=np.int64)
    return np.concatenate([sums[run - 1 : run], sums[run:] - sums[:-run]])


def _compare_sounds(ours: NDArray[np.uint32], theirs: NDArray[np.uint32], rules: PrintRules) -> Likeness:
    short, long = sorted((ours, theirs), key=len)
    run = round(rules.sound_run_s * SOUNDS_PER_S)
    least = max(run, math.ceil(rules.sound_share * len(long)))
    if len(short) < least:
        return Likeness.NONE
    for offset in range(least - len(short), len(long) - least + 1):
        ours_here, theirs_here = short[max(0, -offset) :], long[max(0, offset) :]
        length = min(len(ours_here), len(theirs_here))
        errors = _run_sums(np.bitwise_count(ours_here[:length] ^ theirs_here[:length]), run)
        same = np.zeros(length, np.bool_)
        for start in np.flatnonzero(errors <= rules.sound_error * 32 * run):
            same[start : start + run] = True
        best = int(errors.argmin())
        if same.sum() >= least and _sounds_tell(ours_here[best : best + run]):
            return Likeness.SOUND
    return Likeness.NONE


def _hashes(print_: Print) -> NDArray[np.uint8]:
    return _rows(print_.pictures)


def _rows(pictures: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(pictures, np.uint8).reshape(-1, HASH_BYTES)


def _turned(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of the pictures mirrored left to right."""
    return np.where(_tell(hashes)[:, None], hashes ^ _MIRROR, hashes)


def _sounds(print_: Print) -> NDArray[np.uint32]:
    return np.frombuffer(print_.sound, ">u4").astype(np.uint32)


def _tell(hashes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(hashes[:, 0] >= _TELLS)


def _sounds_tell(sounds: NDArray[np.uint32]) -> bool:
    return len(np.unique(sounds)) >= max(1.0, VARIETY * len(sounds))


def _spread(rows: NDArray[Any], most: int) -> NDArray[Any]:
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64)
    return rows[places]


def _bands_of(hashes: NDArray[np.uint8]) -> frozenset[int]:
    return _keys(_bits_of_bands(hashes))


def _bits_of_bands(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of each picture that tells anything, of each band its bits."""
    return np.unpackbits(hashes[_tell(hashes)], axis=1)[:, _BAND_PLACES]


def _keys(bits: NDArray[np.uint8]) -> frozenset[int]:
    values = bits @ (1 << np.arange(BAND_BITS, dtype=np.int64))
    return frozenset((values + (np.arange(len(BANDS), dtype=np.int64) << BAND_BITS)).ravel().tolist())


def _sound_bands(sounds: NDArray[np.uint32]) -> frozenset[int]:
    return frozenset(_SOUND_BAND | value for value in sounds.tolist()) if _sounds_tell(sounds) else frozenset()
