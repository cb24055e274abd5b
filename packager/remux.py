"""May the clip's own pictures be published as they are? Rules file.

A clip that is already what the ladder's highest rung would be is not encoded again: its pictures are only put into
segments, which takes a blink, keeps their quality and spares half of the ladder's work. The rungs below get their
keyframes where its segments begin, so that players can switch between all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from packager.ladder import Ladder, Rung
from packager.packets import Packet, has_open_gop
from packager.source import VideoTrack
from packager.timeline import LONGEST_SEGMENT_S, cell

NotRemuxable = Literal[
    "codec",
    "profile",
    "level",
    "pixel_format",
    "colour",
    "rotated",
    "sample_aspect",
    "size",
    "frame_rate",
    "uneven_rate",
    "edit_list",
    "late_start",
    "open_gop",
    "keyframes_apart",
    "bit_rate",
    "peak_bit_rate",
]
"""Every reason for which a clip's pictures have to be encoded."""

PROFILES = frozenset({"Constrained Baseline", "Main", "High"})
"""What phones decode in hardware; plain Baseline may hold reordered slices, which they do not."""
HIGHEST_LEVEL = 42
JITTER_S = Fraction(1, 1000)
"""Recorders round to ticks of 1/600 s; a millisecond beside the rung below is not seen."""
PEAK = Fraction(7, 4)
"""Of a segment over the rung's rate: what its encoder may reach too, with 1.5 s of buffer over a segment of 2 s."""


@dataclass(frozen=True, slots=True)
class Remux:
    rung: Rung
    cuts: tuple[int, ...]
    """Frame numbers at which segments begin."""


def plan_remux(video: VideoTrack, ladder: Ladder) -> Remux | NotRemuxable:
    """The rung that the clip can stand in for and its segments, or the first thing that is in the way."""
    rung = ladder.rungs[0]
    reason = _unfit_form(video) or _unfit_picture(video, rung) or _unfit_time(video, ladder.frame_rate)
    if reason is not None:
        return reason
    cuts = _cuts(video, ladder.frame_rate)
    return _unfit_segments(video, rung, cuts, ladder.frame_rate) or Remux(rung, cuts)


def _unfit_form(video: VideoTrack) -> NotRemuxable | None:
    form = video.form
    if video.codec != "h264":
        return "codec"
    if form.profile not in PROFILES:
        return "profile"
    if not 0 < form.level <= HIGHEST_LEVEL:
        return "level"
    if form.pixel_format != "yuv420p" or not form.progressive:
        return "pixel_format"
    return None


def _unfit_picture(video: VideoTrack, rung: Rung) -> NotRemuxable | None:
    # Unmarked pictures are taken for BT.709, and marked so on their way out; that is what players do, too.
    marks = {video.transfer, video.color_space, video.form.primaries}
    if video.form.full_range or not marks <= {"bt709", "unknown", ""}:
        return "colour"
    if video.form.rotation or video.form.mirrored:
        return "rotated"
    if not video.form.square_pixels:
        return "sample_aspect"
    return None if (video.coded_width, video.coded_height) == (rung.width, rung.height) else "size"


def _unfit_time(video: VideoTrack, rate: Fraction) -> NotRemuxable | None:
    if not all(packet.shown for packet in video.packets):
        return "edit_list"
    times = sorted(packet.pts * video.time_base for packet in video.packets)
    if not times or times[0] != 0 or video.start != 0:
        return "late_start"
    if abs(video.frame_rate / rate - 1) > Fraction(1, 1000):
        return "frame_rate"
    lasting = Fraction(video.duration_ms, 1000) * rate
    if round(lasting) != len(times) or any(abs(time - n / rate) > JITTER_S for n, time in enumerate(times)):
        return "uneven_rate"
    return "open_gop" if has_open_gop(video.packets) else None


def _cuts(video: VideoTrack, rate: Fraction) -> tuple[int, ...]:
    """As Shaka Packager cuts: at the first keyframe within each cell of its grid."""
    cuts: list[int] = []
    for number in sorted(round(packet.pts * video.time_base * rate) for packet in video.packets if packet.key):
        if not cuts or cell(number / rate) != cell(cuts[-1] / rate):
            cuts.append(number)
    return tuple(cuts)


def _unfit_segments(video: VideoTrack, rung: Rung, cuts: Sequence[int], rate: Fraction) -> NotRemuxable | None:
    ends = (*cuts, len(video.packets))
    if any(end - begin > LONGEST_SEGMENT_S * rate for begin, end in pairwise(ends)):
        return "keyframes_apart"
    if _bits(video.packets) > rung.max_rate * len(video.packets) / rate:
        return "bit_rate"
    for begin, end in pairwise(ends):
        seconds = max((end - begin) / rate, Fraction(1))  # a short last segment says nothing about the rate
        if _bits(_within(video, begin, end, rate)) > PEAK * rung.max_rate * seconds:
            return "peak_bit_rate"
    return None


def _within(video: VideoTrack, begin: int, end: int, rate: Fraction) -> list[Packet]:
    return [packet for packet in video.packets if begin <= round(packet.pts * video.time_base * rate) < end]


def _bits(packets: Sequence[Packet]) -> int:
    return 8 * sum(packet.size for packet in packets)
