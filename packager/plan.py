"""What is to be made of one clip: the values that every command line of its job is built from. Rules file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from packager.admission import Accepted
from packager.ladder import Ladder, Rung, plan_ladder
from packager.packets import has_open_gop
from packager.remux import NotRemuxable, Remux, plan_remux
from packager.settings import PackagerSettings
from packager.source import AudioTrack, VideoTrack
from packager.timeline import regular_cuts

SAMPLES = 8
"""Frames taken over the clip for moderation, poster and ThumbHash."""
MOST_KEYFRAMES_PER_S = 4
"""Of a clip whose keyframes are sampled: where every frame is one, looking at them is decoding it all."""


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """One clip's encoding: `path` is the clip, outputs go to the working folder under the rungs' names."""

    path: str
    video: VideoTrack
    audio: AudioTrack | None
    ladder: Ladder
    cuts: tuple[int, ...]
    """Frame numbers at which the segments of all renditions begin."""
    encoded_because: NotRemuxable | None
    """Why the clip's own pictures are not published; None when they are, as the first rung."""

    @property
    def remuxed(self) -> bool:
        return self.encoded_because is None

    @property
    def frames(self) -> int:
        """Frames of every rendition, exactly."""
        return frame_count(self.video, self.ladder.frame_rate)

    @property
    def duration_s(self) -> Fraction:
        return self.frames / self.ladder.frame_rate

    @property
    def cut_times(self) -> tuple[Fraction, ...]:
        """Seconds from the clip's start at which segments begin."""
        return tuple(cut / self.ladder.frame_rate for cut in self.cuts)

    @property
    def lowest(self) -> Rung:
        return self.ladder.rungs[-1]


def plan_encoding(path: str, accepted: Accepted) -> EncodePlan:
    """Decide on the ladder, on what is remuxed, and on the segments."""
    video = accepted.video
    ladder = plan_ladder(video.width, video.height, video.frame_rate)
    found = plan_remux(video, ladder)
    if isinstance(found, Remux):
        rest = tuple(rung for rung in ladder.rungs if rung != found.rung)
        ladder = Ladder(found.rung, rest, ladder.frame_rate)
        return EncodePlan(path, video, accepted.source.audio, ladder, found.cuts, None)
    cuts = regular_cuts(frame_count(video, ladder.frame_rate), ladder.frame_rate)
    return EncodePlan(path, video, accepted.source.audio, ladder, cuts, found)


def frame_count(video: VideoTrack, rate: Fraction) -> int:
    return max(1, round(Fraction(video.duration_ms, 1000) * rate))


def video_file(rung: Rung) -> str:
    """The intermediate of a rung, in the working folder."""
    return f"{rung.name}.mp4"


def even_samples(frames: int) -> tuple[int, ...]:
    """Frame numbers in the middles of SAMPLES equal parts of a rendition; fewer for a very short clip."""
    parts = min(SAMPLES, frames)
    return tuple((2 * part + 1) * frames // (2 * parts) for part in range(parts))


def keyframe_samples(video: VideoTrack) -> tuple[Fraction, ...]:
    """Seconds of the keyframes that stand for the clip, one for each of SAMPLES equal parts that has one.

    Keyframes are decoded in a fraction of the time, so the verdict is there when the first rung is. Empty when they
    do not speak for the clip: when half of its parts have none, there are so many that nothing is saved, or pictures
    that follow them lean on others too (open GOPs), which has the decoder give them in another order.
    """
    if has_open_gop(video.packets):
        return ()
    times = sorted(
        packet.pts * video.time_base - video.start for packet in video.packets if packet.key and packet.shown
    )
    duration = Fraction(video.duration_ms, 1000)
    if len(times) > MOST_KEYFRAMES_PER_S * math.ceil(duration):
        return ()
    chosen = [_nearest(times, duration * part / SAMPLES, duration * (part + 1) / SAMPLES) for part in range(SAMPLES)]
    found = tuple(time for time in chosen if time is not None)
    return found if 2 * len(found) >= SAMPLES else ()


def _nearest(times: Sequence[Fraction], begin: Fraction, end: Fraction) -> Fraction | None:
    """The time nearest to the middle of a part."""
    within = [time for time in times if begin <= time < end]
    return min(within, key=lambda time: abs(time - (begin + end) / 2)) if within else None


@dataclass(frozen=True, slots=True)
class Means:
    """What the command lines take from the operator's settings."""

    ffmpeg: str
    threads: int
    max_pixels: int
    max_streams: int
    max_duration_s: int
    loudness_lufs: float
    true_peak_dbtp: float


def means(ffmpeg: str, settings: PackagerSettings) -> Means:
    return Means(
        ffmpeg=ffmpeg,
        threads=settings.threads,
        max_pixels=settings.limits.pixels,
        max_streams=settings.limits.streams,
        max_duration_s=math.ceil(settings.limits.duration_ms / 1000) + 1,
        loudness_lufs=settings.loudness_lufs,
        true_peak_dbtp=settings.true_peak_dbtp,
    )
