"""Look at an uploaded file without trusting it. Shell.

Three looks, each cheap: our own magic check, ffprobe's header answer, and the packet table (what is really in the
file, not what its header says). The demuxer is named (`-f mov`): a guessing ffprobe opens scripts and
playlists that call themselves .mp4 and reads other users' files through them.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from packager.admission import CUT_OFF, NOT_A_VIDEO, Refused
from packager.process import OutputTooLong, ProcessError, ProcessFailed, ProcessLimits, Usage, run
from packager.settings import UploadLimits
from packager.source import (
    MAGIC_BYTES,
    PacketSpan,
    SourceInfo,
    UnreadableProbe,
    is_isobmff,
    packet_span,
    read_source,
    video_stream_index,
)
from packager.tools import Tools

PROBE_LIMITS = ProcessLimits(wall_s=30, cpu_s=10, address_space_bytes=1024**3, file_bytes=1024 * 1024)
TOO_MANY_FRAMES = Refused(
    "frame_rate_too_high", "This clip has far too many frames. Export it at 30 or 60 frames a second."
)
COUNTED_STREAMS = 64
"""Far above what is admitted, so that the refusal can name the number; a file with more is not opened."""
SAFE_INPUT = ("-f", "mov", "-protocol_whitelist", "file")


async def probe(
    path: Path, tools: Tools, limits: UploadLimits, work_folder: Path
) -> tuple[SourceInfo | Refused, Usage]:
    """What the file is, or why it cannot be looked into, and the CPU it cost.

    Raises ProcessError where ffprobe could not be run, which says nothing about the file.
    """
    head, size = await asyncio.to_thread(_head, path)
    if not is_isobmff(head):
        return NOT_A_VIDEO, Usage()
    try:
        header = await run(_header_argv(path, tools), cwd=work_folder, limits=PROBE_LIMITS)
        document = header.stdout.decode("utf-8", "replace")
        index = video_stream_index(document)
        span, usage = (None, header.usage) if index is None else await _span(path, index, tools, limits, work_folder)
        return read_source(document, span, size), header.usage + usage
    except OutputTooLong as error:
        return TOO_MANY_FRAMES, error.usage
    except ProcessFailed as error:
        if error.returncode > 128:
            raise
        cut = any("moov atom not found" in line for line in error.stderr_tail)
        return (CUT_OFF if cut else NOT_A_VIDEO), error.usage
    except UnreadableProbe as error:
        raise ProcessError(f"ffprobe gave no usable answer: {error}", Usage()) from error


async def _span(
    path: Path, index: int, tools: Tools, limits: UploadLimits, work_folder: Path
) -> tuple[PacketSpan | None, Usage]:
    lines_wanted = int((limits.duration_ms / 1000 + 2) * limits.frame_rate * 1.2)
    packets = await run(
        (tools.ffprobe, "-v", "error", *SAFE_INPUT, "-select_streams", str(index),
         "-show_entries", "packet=pts,duration,flags", "-of", "csv=p=0", str(path)),
        cwd=work_folder,
        limits=replace(PROBE_LIMITS, stdout_bytes=lines_wanted * 32),
    )  # fmt: skip
    return packet_span(packets.stdout.decode("ascii", "replace").splitlines()), packets.usage


def _header_argv(path: Path, tools: Tools) -> tuple[str, ...]:
    return (
        tools.ffprobe, "-v", "error", *SAFE_INPUT, "-max_streams", str(COUNTED_STREAMS),
        "-show_streams", "-show_format", "-of", "json", str(path),
    )  # fmt: skip


def _head(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(MAGIC_BYTES), path.stat().st_size
