"""Poster, ThumbHash, animated preview and storyboard. Shell.

The poster comes from the sample frames that stage A wrote; the moving pictures from the first rung, a file of our
own making, where decoding costs a tenth of the upload's.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import fast_thumbhash
from PIL import Image, ImageFilter, ImageStat

from packager.encode import NO_MESSAGES
from packager.storyboard import Storyboard

POSTER_QUALITY = 82
PREVIEW_S = 3
PREVIEW_FPS = 10
PREVIEW_SHORT_SIDE = 240
DARKEST, BRIGHTEST = 24.0, 232.0
NEAR_S = 0.002
"""A timestamp as a filter sees it is rounded to the track's ticks."""
LATER_IS_WORSE = 0.02
"""Between frames as good as each other, the earlier is nearer to what plays first."""


@dataclass(frozen=True, slots=True)
class Poster:
    sample: int
    """Which of the samples was chosen, from 0."""
    width: int
    height: int
    thumbhash: str
    """Base64."""


def make_poster(samples: Sequence[Path], target: Path) -> Poster:
    """Write the best sample as a progressive JPEG without metadata. Blocking; `samples` must not be empty."""
    scores = [_interest(sample) * (1 - LATER_IS_WORSE * place) for place, sample in enumerate(samples)]
    best = max(range(len(samples)), key=lambda place: scores[place])
    with Image.open(samples[best]) as opened:
        picture = opened.convert("RGB")
    picture.info.clear()  # the comment that ffmpeg left in the sample
    picture.save(target, "JPEG", quality=POSTER_QUALITY, progressive=True, optimize=True)
    small = picture.convert("RGBA")
    small.thumbnail((100, 100))  # ThumbHash takes at most 100x100
    code = fast_thumbhash.rgba_to_thumb_hash(small.width, small.height, small.tobytes())
    return Poster(best, picture.width, picture.height, base64.b64encode(bytes(code)).decode("ascii"))


def _interest(sample: Path) -> float:
    """Contrast, detail and colour of a frame, near zero for one that is almost black, white or flat."""
    with Image.open(sample) as opened:
        opened.draft("RGB", (320, 320))
        picture = opened.convert("RGB")
    picture.thumbnail((160, 160))
    gray = picture.convert("L")
    brightness = ImageStat.Stat(gray)
    detail = ImageStat.Stat(gray.filter(ImageFilter.FIND_EDGES)).mean[0]
    saturation = ImageStat.Stat(picture.convert("HSV")).mean[1]
    interest = brightness.stddev[0] + 0.8 * detail + 0.15 * saturation
    extreme = not DARKEST <= brightness.mean[0] <= BRIGHTEST
    return interest * (0.1 if extreme else 1.0)


def grey_square(sample: Path, side: int) -> bytes:
    """A sample frame squeezed to `side` pixels a side, a byte of grey (0-255) each. Blocking."""
    with Image.open(sample) as opened:
        opened.draft("L", (2 * side, 2 * side))  # from fewer of its frequencies, in a fifth of the time
        return opened.convert("L").resize((side, side), Image.Resampling.BOX).tobytes()


def preview_argv(
    ffmpeg: str, rendition: str, start_s: float, video: str, picture: str, *, portrait: bool
) -> tuple[str, ...]:
    """PREVIEW_S seconds without sound, PREVIEW_SHORT_SIDE pixels across, in one decode: `video` is an MP4, `picture` a
    looping WebP of several times its size, for where a page takes pictures only."""
    size = f"{PREVIEW_SHORT_SIDE}:-2" if portrait else f"-2:{PREVIEW_SHORT_SIDE}"
    # A clip of a single frame is shorter than one of the preview's.
    frames = f"tpad=stop_mode=clone:stop_duration={1 / PREVIEW_FPS},fps={PREVIEW_FPS},scale={size}"
    return (
        ffmpeg, "-nostdin", "-hide_banner", "-v", "error", "-y",
        "-f", "mov", "-ss", f"{start_s:.3f}", "-t", str(PREVIEW_S), "-i", rendition,
        "-filter_complex", f"[0:v]{frames},split[v][p]",
        "-map", "[v]", "-map_metadata", "-1", "-fflags", "+bitexact",
        "-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-pix_fmt", "yuv420p", "-bsf:v", NO_MESSAGES,
        # Else the muxer writes the encoder's name and version as the track's compressor.
        "-metadata:s:v", "encoder=preview", "-movflags", "+faststart", "-f", "mp4", video,
        "-map", "[p]", "-c:v", "libwebp_anim", "-quality", "50", "-compression_level", "3", "-loop", "0",
        "-f", "webp", picture,
    )  # fmt: skip


def storyboard_argv(ffmpeg: str, rendition: str, board: Storyboard, target: str) -> tuple[str, ...]:
    """One JPEG of the frames that begin segments: only keyframes are decoded, a few hundredths of the clip."""
    wanted = "+".join(f"between(t,{float(time) - NEAR_S:.4f},{float(time) + NEAR_S:.4f})" for time in board.frames)
    again = f"tpad=stop_mode=clone:stop={board.tiles - len(board.frames)}"
    tiles = f"scale={board.tile_width}:{board.tile_height}:out_range=pc,{again},tile={board.columns}x{board.rows}"
    return (
        ffmpeg, "-nostdin", "-hide_banner", "-v", "error", "-y",
        "-skip_frame", "nokey", "-f", "mov", "-i", rendition,
        "-vf", f"select='{wanted}',{tiles}",
        "-fps_mode", "passthrough", "-frames:v", "1", "-map_metadata", "-1",
        "-c:v", "mjpeg", "-flags:v", "+bitexact", "-pix_fmt", "yuvj420p", "-q:v", "5",
        "-f", "image2", "-update", "1", target,
    )  # fmt: skip
