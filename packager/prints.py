"""How a clip's print is made (`origin.prints` says what it is): command lines, and hashes of pictures. Rules file.

Pictures are taken small and grey, squeezed to a square: what shape a copy has is no matter then. Black borders, which
every picture of a clip has alike, are cut before it is hashed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from origin.prints import FREQUENCIES, PICTURES_PER_S, SIDE, Glimpses
from packager.command import clip_input, command, output
from packager.plan import EncodePlan, Means

PICTURES_FILE = "print.gray"
SOUND_FILE = "print.chroma"
EDGE = 96
"""Pixels a side, as taken."""
PICTURE_BYTES = EDGE * EDGE
HASHED_EDGE = 32
"""Pixels a side, as hashed."""
DARK = 32
"""Grey (0-255) up to which a border counts as black, compression's ringing included."""
BORDER_MOST = 0.4
"""Share of a side that may be border at either end; more is a dark clip."""
FLAT_RANGE = 12.0
"""Standard deviation of grey below which a picture tells nothing: its signs are noise."""
SOUND_RATE = 11025
"""Chromaprint's own, Hz."""


def pictures_output(stream: Any, plan: EncodePlan) -> Any:
    """The pictures of a clip, PICTURES_PER_S, one after another into PICTURES_FILE."""
    pictures = (
        stream
        # Of a clip shorter than half a picture's time nothing would come out, which ends the rung's encoding, too.
        .filter("fps", fps=PICTURES_PER_S, start_time=0, eof_action="pass")
        .filter("scale", EDGE, EDGE, flags="area", out_range="pc")
        .filter("format", "gray")
    )  # fmt: skip
    return output(pictures, PICTURES_FILE, f="rawvideo", fps_mode="passthrough", t=float(plan.duration_s))


def pictures_argv(plan: EncodePlan, means: Means) -> tuple[str, ...]:
    """`pictures_output` of the clip where nothing else decodes it."""
    # Filters within the loop make no difference to what is left of a picture here, and without the pictures that no
    # other rests on a third of the work is saved: a neighbour of a tenth of a second ago stands for them.
    clip = clip_input(plan, means, skip_loop_filter="all", skip_frame="noref")
    return command(means, [pictures_output(clip[str(plan.video.index)], plan)])


def sound_print_argv(plan: EncodePlan, means: Means) -> tuple[str, ...]:
    """Chromaprint's fingerprint of the clip's sound into SOUND_FILE."""
    if plan.audio is None:
        raise ValueError("the clip has no sound")
    sound = clip_input(plan, means)[str(plan.audio.index)]
    return command(means, [output(sound, SOUND_FILE, f="chromaprint", fp_format="raw", ac=1, ar=SOUND_RATE)])


def hashes(grey: bytes) -> bytes:
    """Of pictures of PICTURE_BYTES of grey each: `Print.pictures`. Bytes of a picture cut short are left out."""
    return _signs(*_frequencies(grey))


def glimpses(grey: bytes) -> Glimpses:
    """The same of frames from all over a clip, with what they leave in doubt."""
    telling, waves = _frequencies(grey)
    strengths = np.abs(waves)
    most = np.maximum(strengths.max(axis=1, keepdims=True, initial=0), 1e-9)
    # Of the lowest frequencies a few are far stronger than all others: roots keep those apart from one another.
    steps = np.column_stack([np.zeros(len(waves)), 255 * np.sqrt(np.sqrt(strengths / most))])
    return Glimpses(_signs(telling, waves), steps.astype(np.uint8).tobytes())


def _signs(telling: NDArray[np.bool_], waves: NDArray[np.float64]) -> bytes:
    bits = (waves > 0) & telling[:, None]
    return np.packbits(np.column_stack([telling, bits]), axis=1).tobytes()


def _frequencies(grey: bytes) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Of each picture whether it tells anything, and how strong each of FREQUENCIES is in it."""
    count = len(grey) // PICTURE_BYTES
    pictures = np.frombuffer(grey, np.uint8, count * PICTURE_BYTES).reshape(count, EDGE, EDGE)
    if count == 0:
        return np.zeros(0, np.bool_), np.zeros((0, len(FREQUENCIES)))
    rows, columns = _inside(pictures.max(axis=(0, 2))), _inside(pictures.max(axis=(0, 1)))
    cut = pictures[:, rows, columns]
    small = _resampled(cut.shape[1]) @ cut.astype(np.float64) @ _resampled(cut.shape[2]).T
    waves = _COSINES @ small @ _COSINES.T
    vertical, horizontal = zip(*FREQUENCIES, strict=True)
    return small.std(axis=(1, 2)) >= FLAT_RANGE, waves[:, list(vertical), list(horizontal)]


def _inside(brightest: NDArray[np.uint8]) -> slice:
    """From the brightest grey that each row (or column) ever has: what lies between black borders."""
    bright = np.flatnonzero(brightest > DARK)
    most = math.floor(BORDER_MOST * len(brightest))
    if len(bright) == 0 or bright[0] > most or len(brightest) - 1 - bright[-1] > most:
        return slice(0, len(brightest))
    return slice(int(bright[0]), int(bright[-1]) + 1)


def _resampled(length: int) -> NDArray[np.float64]:
    """The matrix that averages `length` pixels into HASHED_EDGE, by the area that they share."""
    edges = np.linspace(0, length, HASHED_EDGE + 1)
    begin = np.maximum(edges[:-1, None], np.arange(length))
    end = np.minimum(edges[1:, None], np.arange(1, length + 1))
    return np.asarray(np.clip(end - begin, 0, None) * HASHED_EDGE / length)


def _cosines() -> NDArray[np.float64]:
    """The lowest SIDE rows of the discrete cosine transform (DCT-II) of HASHED_EDGE values."""
    places = (2 * np.arange(HASHED_EDGE) + 1) / (2 * HASHED_EDGE)
    return np.asarray(np.cos(np.pi * np.arange(SIDE)[:, None] * places))


_COSINES = _cosines()
