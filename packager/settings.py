"""Every number an operator may turn for the packager. Composed by `deploy.settings`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What a clip may be. Everything beyond is refused at the probe, before any frame is decoded."""

    duration_ms: int = 60_000
    duration_tolerance_ms: int = 500
    """Recorders that stop at 60 s write a few frames more."""
    size_bytes: int = 512 * 1024 * 1024
    pixels: int = 4096 * 2304
    """Per frame, as coded; a phone's 4K is 3840x2160."""
    short_side: int = 32
    """Smallest display side; below it nothing can be seen."""
    aspect: float = 4.0
    """Longest display side over the shortest."""
    frame_rate: float = 250.0
    """Slow-motion phones record at 240; a 1000 fps file of 1 MB costs 37 CPU-seconds to decode."""
    streams: int = 8


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    attempts: int = 5
    """Starts of one job before it goes to the dead-letter topic."""
    first_delay_ms: int = 2_000
    """Doubles with every attempt; the real delay is drawn from the upper half of it (jitter)."""
    longest_delay_ms: int = 300_000
    waiting_delay_ms: int = 30_000
    """Between the starts of a job that waits for room or for a store; these are no attempts."""


@dataclass(frozen=True, slots=True)
class PackagerSettings:
    jobs_at_once: int = 1
    threads: int = 4
    """Decoder, filter and encoder threads of one child."""
    growth_speed: float = 1.5
    """Seconds of a clip encoded in a second of time from which on its first rung is published while it grows; below
    it a player could come to the end before the encoder."""
    niceness: int = 5
    """Added to the children's nice value, so that serving goes before encoding on a shared machine; but to that of what
    a first publication waits for."""
    address_space_bytes: int = 4 * 1024**3
    """RLIMIT_AS of a child: virtual, several times what it really touches."""
    cpu_s_per_media_s: float = 20.0
    """RLIMIT_CPU of an encode grows with the clip: roughly ten times what the slowest honest clip needs."""
    wall_s_per_media_s: float = 60.0
    """Wall limit of an encode; generous because several jobs share the cores."""
    base_wall_s: float = 60.0
    output_bytes: int = 256 * 1024 * 1024
    """RLIMIT_FSIZE: the largest file a child may write."""
    free_bytes: int = 1024**3
    """A job is put off while the work folder's disk has less room than this."""
    language: str = "en"
    """BCP 47 tag of the audio where the clip names none (Apple's rule 8.10 wants one on each rendition)."""
    loudness_lufs: float = -14.0
    """Integrated loudness of the published audio."""
    true_peak_dbtp: float = -1.5
    ffmpeg: str = ""
    """Path of another ffmpeg; empty takes the one of the imageio-ffmpeg package."""
    ffprobe: str = ""
    shaka_packager: str = ""
    limits: UploadLimits = UploadLimits()
    retry: RetryPolicy = RetryPolicy()


@dataclass(frozen=True, slots=True)
class EnhancementSettings:
    """When a hot video gets AV1 renditions beside its H.264 ones, and at whose cost."""

    from_heat: int = 500
    """Heat from which it is worth it: views of a day, with likes, comments and shares (see `origin.metadata.heat`).
    Encoding costs what the bytes cost that it saves in some hundred views."""
    looked_at: int = 200
    """Videos of the hot list."""
    look_every_s: float = 60.0
    claim_ms: int = 600_000
    """How long a video stays taken when its packager dies; a living one prolongs the claim."""
    rest_ms: int = 24 * 3_600_000
    """How long a video is left alone on which it failed, or which gains too little."""
    least_gain: float = 0.15
    """Of the ladder's bytes."""
    threads: int = 1
    niceness: int = 19
    """The last that Linux knows: it gets what others leave."""
    output_bytes: int = 1024**3
    """RLIMIT_FSIZE: samples are kept without loss."""
