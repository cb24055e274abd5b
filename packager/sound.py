"""The sound's command lines and its loudness. Rules file.

Two passes: the first mixes to stereo and measures the mix as it will be heard (ITU-R BS.1770), the second turns it up
or down by one constant factor and holds only the peaks back. A single pass that adapts as it goes ends some 2 LU off
and pumps. The mix is kept in between: decoding and mixing it for each pass took a third of what sound costs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from packager.command import clip_input, cmaf, command, output, wave_input
from packager.plan import EncodePlan, Means

MIX_FILE = "mix.wav"
MIX_CODEC = "pcm_f32le"
"""A mix may go over full scale, and is turned down behind it."""
AUDIO_FILE = "a128.mp4"
AUDIO_BIT_RATE = 128_000
SAMPLE_RATE = 48_000
SILENCE_LUFS = -60.0
"""Below it there is nothing to make louder but noise."""
MOST_GAIN_DB = 30.0
CODEC_ROOM_DB = 1.0
"""The encoder adds as much to the peaks that the limiter leaves."""
CORRECTED_LU = 0.5
"""A limiter that takes more than this off the loudness is made up for."""
SLIGHT_DB = 3.0
"""Peaks that are cut by less than this do not change the loudness by CORRECTED_LU: no need to measure again."""
_VALUE = re.compile(r"(I|Peak):\s+(-?(?:\d+\.\d+|inf|nan)) (?:LUFS|dBFS)")


@dataclass(frozen=True, slots=True)
class Loudness:
    integrated_lufs: float
    true_peak_dbtp: float


@dataclass(frozen=True, slots=True)
class Gain:
    """`excess_db` is how far the peaks would go over the ceiling; above 0 they are held back."""

    db: float = 0.0
    excess_db: float = 0.0

    @property
    def limited(self) -> bool:
        return self.excess_db > 0

    @property
    def heard(self) -> bool:
        """Whether the limiter has so much to do that the loudness is to be measured behind it."""
        return self.excess_db > SLIGHT_DB


def measure_argv(plan: EncodePlan, means: Means) -> tuple[str, ...]:
    """The first pass: the mix goes to MIX_FILE, and the summary is the end of what it says on stderr."""
    mix = _measured(_mixed(plan, means), peak="true")
    return command(means, [output(mix, MIX_FILE, f="wav", **{"c:a": MIX_CODEC})], log="info")


def check_argv(means: Means, gain: Gain) -> tuple[str, ...]:
    """The mix measured again, behind the gain and its limiter; only the loudness is told."""
    turned = _measured(_turned(_mix(), gain, means, rate=SAMPLE_RATE), peak="none")
    return command(means, [output(turned, "-", f="null")], log="info")


def _measured(sound: Any, peak: str) -> Any:
    return sound.filter("ebur128", peak=peak, framelog="quiet")


def read_loudness(lines: Iterable[str]) -> Loudness | None:
    """From the first pass's last lines; None when they hold no summary."""
    found = {match[1]: float(match[2]) for line in lines if (match := _VALUE.search(line))}
    if "I" not in found or any(math.isnan(value) for value in found.values()):
        return None
    return Loudness(found["I"], found.get("Peak", -math.inf))


def gain_for(measured: Loudness | None, means: Means) -> Gain:
    """The factor that brings the sound to its target; none for silence and for what could not be measured."""
    if measured is None or measured.integrated_lufs < SILENCE_LUFS:
        return Gain()
    db = max(-60.0, min(MOST_GAIN_DB, means.loudness_lufs - measured.integrated_lufs))
    excess = measured.true_peak_dbtp + db - (means.true_peak_dbtp - CODEC_ROOM_DB)
    return Gain(round(db, 2), max(0.0, excess))


def corrected(gain: Gain, measured: Loudness | None, means: Means) -> Gain:
    """The gain with what the limiter took off, from a measurement behind it."""
    if measured is None:
        return gain
    missing = means.loudness_lufs - measured.integrated_lufs
    if missing <= CORRECTED_LU:
        return gain
    return replace(gain, db=round(min(MOST_GAIN_DB, gain.db + missing), 2))


def sound_argv(plan: EncodePlan, means: Means, gain: Gain) -> tuple[str, ...]:
    """The second pass."""
    sound = (
        _turned(_mix(), gain, means, rate=2 * SAMPLE_RATE)
        .filter("apad")  # sound that ends early: Apple's rule 8.3 wants tracks of the same length
    )  # fmt: skip
    encoded = output(
        sound,
        AUDIO_FILE,
        # Sound that is longer than the picture would make a last segment of a few milliseconds, which stalls players.
        t=f"{float(plan.duration_s):.6f}",
        ac=2,
        **{
            "c:a": "aac",
            "b:a": AUDIO_BIT_RATE,
            # The first publication waits for the sound: this takes half the time, and above 64 kb/s it is the better
            # one too, says ffmpeg's manual of its AAC encoder.
            "aac_coder": "fast",
            "flags:a": "+bitexact",  # no encoder's name in its first packet
        },
        **cmaf(),
    )
    return command(means, [encoded])


def _mixed(plan: EncodePlan, means: Means) -> Any:
    if plan.audio is None:
        raise ValueError("the clip has no sound")
    return (
        clip_input(plan, means)[str(plan.audio.index)]
        # Holes and a late start become silence; the picture's timeline is the one that counts.
        .filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0})
        # Mixed down before it is measured: measured as 5.1, the stereo mix comes out 3 LU too loud.
        .filter("aformat", channel_layouts="stereo")
    )


def _mix() -> Any:
    return wave_input(MIX_FILE, MIX_CODEC)["0"]


def _turned(sound: Any, gain: Gain, means: Means, rate: int) -> Any:
    """With the limiter at `rate`: at twice the sound's own it sees most of what lies between the samples."""
    if gain.db:
        sound = sound.filter("volume", f"{gain.db}dB")
    if gain.limited:
        ceiling = 10 ** ((means.true_peak_dbtp - CODEC_ROOM_DB) / 20)
        sound = (
            sound.filter("aresample", rate)
            .filter("alimiter", limit=round(ceiling, 5), attack=5, release=60, level="false")
            .filter("aresample", SAMPLE_RATE)
        )
    return sound
