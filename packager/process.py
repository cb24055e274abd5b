"""Run one child program inside limits, and know what it cost. Shell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from packager.launcher import CONFINED, NOT_STARTED, UNCONFINED

LAUNCHER = str(Path(__file__).with_name("launcher.py"))
STDERR_LINES = 20
LINE_BYTES = 64 * 1024
STOP_GRACE_S = 5.0
# No variable of ours reaches a child. Two malloc arenas keep the address space small with many threads.
ENVIRONMENT = {"LC_ALL": "C", "MALLOC_ARENA_MAX": "2"}


class ProcessError(Exception):
    """The root of what can go wrong with a child. `usage` is what it cost until then."""

    def __init__(self, message: str, usage: Usage, stderr_tail: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.usage = usage
        self.stderr_tail = stderr_tail


class ProcessNotRun(ProcessError):
    """The program could not be started, or who waited for it was killed: that says nothing about its input."""


class ProcessFailed(ProcessError):
    """The program ended with an exit code other than 0; above 128 it was killed by signal `returncode - 128`."""

    def __init__(self, program: str, returncode: int, usage: Usage, stderr_tail: tuple[str, ...]) -> None:
        last = stderr_tail[-1] if stderr_tail else "no message"
        super().__init__(f"{program} ended with {returncode}: {last}", usage, stderr_tail)
        self.returncode = returncode


class ProcessTimedOut(ProcessError):
    """The wall limit passed; the program and its whole group are gone."""


class OutputTooLong(ProcessError):
    """The program wrote more to its standard output than was asked for."""


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    wall_s: float = 60.0
    cpu_s: int = 60
    address_space_bytes: int = 4 * 1024**3
    file_bytes: int = 256 * 1024 * 1024
    open_files: int = 256
    niceness: int = 0
    readable: tuple[str, ...] | None = None
    """Paths it may read beside its working folder, the only place where it may write; None for a program that gets
    nothing from outside and is not shut in."""
    stdout_bytes: int = 16 * 1024 * 1024
    """Of output that is kept; lines given to `on_line` are not kept."""


@dataclass(frozen=True, slots=True)
class Usage:
    """User and system CPU of the program, and the most memory it had."""

    cpu_s: float = 0.0
    max_rss_bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu_s + other.cpu_s, max(self.max_rss_bytes, other.max_rss_bytes))


@dataclass(frozen=True, slots=True)
class Finished:
    stdout: bytes
    stderr_tail: tuple[str, ...]
    usage: Usage


async def run(
    argv: Sequence[str], *, cwd: Path, limits: ProcessLimits, on_line: Callable[[str], None] | None = None
) -> Finished:
    """Run `argv` to its end in its own session and process group, with `cwd` as its working folder.

    Raises ProcessNotRun, ProcessFailed, ProcessTimedOut or OutputTooLong. Cancelling kills the group before the
    cancellation goes on.
    """
    descriptor, report = tempfile.mkstemp(prefix="usage-", suffix=".json", dir=cwd)
    os.close(descriptor)
    numbers = (limits.address_space_bytes, limits.cpu_s, limits.file_bytes, limits.open_files, limits.niceness)
    freedom = (UNCONFINED,) if limits.readable is None else (CONFINED, *limits.readable)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", LAUNCHER, report, *map(str, numbers), *freedom, "--", *argv,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=cwd, env=ENVIRONMENT, start_new_session=True, limit=LINE_BYTES,
    )  # fmt: skip
    program = Path(argv[0]).name
    errors: deque[str] = deque(maxlen=STDERR_LINES)
    stdout, returncode, ended = b"", 0, _End.BY_ITSELF
    try:
        async with asyncio.timeout(limits.wall_s):
            async with asyncio.TaskGroup() as readers:
                output = readers.create_task(_output(child, limits, on_line))
                readers.create_task(_errors(child, errors))
            stdout, returncode = output.result(), await child.wait()
    except* TimeoutError:
        ended = _End.TOO_SLOW
    except* _TooLong:
        ended = _End.TOO_LONG
    finally:
        await _stop(child)
        told = _take_report(report)
    usage = told or Usage()
    if ended is _End.TOO_SLOW:
        message = f"{program} was still running after {limits.wall_s:.0f} s and was killed"
        raise ProcessTimedOut(message, usage, tuple(errors))
    if ended is _End.TOO_LONG:
        message = f"{program} wrote more than {limits.stdout_bytes} bytes and was killed"
        raise OutputTooLong(message, usage, tuple(errors))
    if returncode == NOT_STARTED:
        raise ProcessNotRun(errors[-1] if errors else f"{program} could not be started", usage, tuple(errors))
    if returncode != 0 and told is None:
        message = f"the launcher of {program} ended with {returncode} before it could tell how that went"
        raise ProcessNotRun(message, usage, tuple(errors))
    if returncode != 0:
        raise ProcessFailed(program, returncode, usage, tuple(errors))
    return Finished(stdout, tuple(errors), usage)


class _End(Enum):
    BY_ITSELF = auto()
    TOO_SLOW = auto()
    TOO_LONG = auto()


class _TooLong(Exception):
    pass


async def _output(
    child: asyncio.subprocess.Process, limits: ProcessLimits, on_line: Callable[[str], None] | None
) -> bytes:
    stream = child.stdout
    if stream is None:
        return b""
    if on_line is not None:
        await _lines(stream, on_line)
        return b""
    kept = bytearray()
    while block := await stream.read(LINE_BYTES):
        kept += block
        if len(kept) > limits.stdout_bytes:
            raise _TooLong
    return bytes(kept)


async def _errors(child: asyncio.subprocess.Process, tail: deque[str]) -> None:
    if child.stderr is not None:
        await _lines(child.stderr, lambda line: tail.append(line[:400]))


async def _lines(stream: asyncio.StreamReader, take: Callable[[str], None]) -> None:
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            # A line longer than the buffer: asyncio has dropped it, and a fragment of it would tell nothing.
            continue
        if not line:
            return
        if text := line.decode("utf-8", "replace").strip():
            take(text)


async def _stop(child: asyncio.subprocess.Process) -> None:
    """Close the launcher's pipe, which makes it kill the program and report; kill the group if that takes too long."""
    if child.stdin is not None:
        child.stdin.close()
    if child.returncode is not None:
        return
    ending = asyncio.ensure_future(_to_the_end(child))
    try:
        await asyncio.wait({ending}, timeout=STOP_GRACE_S)
    finally:
        if not ending.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await asyncio.wait({ending})


async def _to_the_end(child: asyncio.subprocess.Process) -> None:
    """Empty the pipes (asyncio waits for their end before it lets go of a child) and wait."""
    for stream in (child.stdout, child.stderr):
        while stream is not None and await stream.read(LINE_BYTES):
            pass
    await child.wait()


def _take_report(report: str) -> Usage | None:
    try:
        document = json.loads(Path(report).read_text(encoding="ascii"))
        return Usage(float(document["cpu_s"]), int(document["max_rss_bytes"]))
    except (OSError, ValueError, KeyError):
        # The launcher failed, or was killed before it could say.
        return None
    finally:
        Path(report).unlink(missing_ok=True)
