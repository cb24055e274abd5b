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
from packager.packets import FIELDS, read_packets
from packager.process import Finished, OutputTooLong, ProcessError, ProcessFailed, ProcessLimits, Usage, run
from packager.settings import UploadLimits
from packager.source import MAGIC_BYTES, SourceInfo, UnreadableProbe, is_isobmff, read_source
from packager.tools import Tools

PROBE_LIMITS = ProcessLimits(wall_s=30, cpu_s=10, address_space_bytes=1024**3, file_bytes=1024 * 1024)
TOO_MANY_FRAMES = Refused(
    "frame_rate_too_high", "This clip has far too many frames. Export it at 30 or 60 frames a second."
)
COUNTED_STREAMS = 64
"""Far above what is admitted, so that the refusal can name the number; a file with more is not opened."""
LINE_BYTES = 48
"""Of one packet in the table, at most."""
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
        header, table = await _both_looks(path, tools, limits, work_folder)
        document = header.stdout.decode("utf-8", "replace")
        packets = read_packets(table.stdout.decode("ascii", "replace").splitlines())
        return read_source(document, packets, size), header.usage + table.usage
    except OutputTooLong as error:
        return TOO_MANY_FRAMES, error.usage
    except ProcessFailed as error:
        if error.returncode > 128:
            raise
        cut = any("moov atom not found" in line for line in error.stderr_tail)
        return (CUT_OFF if cut else NOT_A_VIDEO), error.usage
    except UnreadableProbe as error:
        raise ProcessError(f"ffprobe gave no usable answer: {error}", Usage()) from error


async def _both_looks(path: Path, tools: Tools, limits: UploadLimits, work_folder: Path) -> tuple[Finished, Finished]:
    """Side by side, because each is mostly the start of a program."""
    base = _reading(path)
    lines_wanted = int((limits.duration_ms / 1000 + 2) * limits.frame_rate * 1.2)
    table_limits = replace(base, stdout_bytes=lines_wanted * LINE_BYTES)
    header, table = await asyncio.gather(
        run(_header_argv(path, tools), cwd=work_folder, limits=base),
        run(_table_argv(path, tools), cwd=work_folder, limits=table_limits),
        return_exceptions=True,
    )
    if isinstance(header, BaseException):
        raise header
    if isinstance(table, BaseException):
        raise table
    return header, table


def _reading(path: Path) -> ProcessLimits:
    return replace(PROBE_LIMITS, readable=(str(path.absolute()),))


def _header_argv(path: Path, tools: Tools) -> tuple[str, ...]:
    return (
        tools.ffprobe, "-v", "error", *SAFE_INPUT, "-max_streams", str(COUNTED_STREAMS),
        "-show_streams", "-show_format", "-of", "json", str(path),
    )  # fmt: skip


def _table_argv(path: Path, tools: Tools) -> tuple[str, ...]:
    """`V` are the moving pictures: a cover picture counts neither here nor in `source`."""
    return (
        tools.ffprobe, "-v", "error", *SAFE_INPUT, "-max_streams", str(COUNTED_STREAMS),
        "-select_streams", "V:0", "-show_entries", f"packet={FIELDS}", "-of", "csv=p=0", str(path),
    )  # fmt: skip


def _head(path: Path) -> tuple[bytes, int]:
    with path.open("rb") as file:
        return file.read(MAGIC_BYTES), path.stat().st_size
