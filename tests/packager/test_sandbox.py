"""What a child that has been taken over can reach: its clip, its folder, nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from packager.process import ProcessFailed, ProcessLimits, run
from packager.sandbox import describe, landlock_abi

PYTHON = Path(sys.executable).resolve()
needs_landlock = pytest.mark.skipif(landlock_abi() == 0, reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif("seccomp" not in describe(), reason="no filter is known for this machine")


async def shut_in(code: str, folder: Path, *readable: Path) -> bytes:
    allowed = (str(PYTHON.parents[1]), *map(str, readable))
    argv = (str(PYTHON), "-I", "-S", "-c", code)
    return (await run(argv, cwd=folder, limits=ProcessLimits(readable=allowed))).stdout


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    (tmp_path / "clip.mp4").write_text("mine")
    (tmp_path / "other.mp4").write_text("another user's")
    return tmp_path / "job"


async def test_the_clip_can_be_read_and_the_folder_written(job: Path) -> None:
    code = "import os; os.mkdir('a'); open('a/b', 'w').write(open('../clip.mp4').read()); os.rename('a/b', 'c')"
    await shut_in(code, job, job.parent / "clip.mp4")
    assert (job / "c").read_text() == "mine"


@needs_landlock
@pytest.mark.parametrize(
    "code",
    [
        "open('../other.mp4')",
        "open('/etc/passwd')",
        "import os; os.listdir('..')",
        "open('../clip.mp4', 'w')",
        "open('../new', 'w')",
        "import os; os.unlink('../clip.mp4')",
        "import os; os.truncate('../clip.mp4', 0)",
        "import os; os.symlink('../other.mp4', 'link'); open('link')",
        "import os; os.kill(os.getppid(), 0)",
        "open('/proc/1/environ')",
    ],
)
async def test_nothing_else_can_be_read_written_or_signalled(code: str, job: Path) -> None:
    with pytest.raises(ProcessFailed, match="PermissionError"):
        await shut_in(code, job, job.parent / "clip.mp4")
    assert (job.parent / "clip.mp4").read_text() == "mine"


@needs_landlock
async def test_what_it_writes_cannot_be_started(job: Path) -> None:
    code = "import os; open('x', 'w').write('#!/bin/sh'); os.chmod('x', 0o755); os.execv('./x', ['x'])"
    with pytest.raises(ProcessFailed, match="PermissionError"):
        await shut_in(code, job)


@needs_seccomp
@pytest.mark.parametrize("kind", ["AF_INET, socket.SOCK_DGRAM", "AF_INET6, socket.SOCK_STREAM", "AF_UNIX"])
async def test_no_socket_can_be_opened(kind: str, job: Path) -> None:
    with pytest.raises(ProcessFailed, match="PermissionError"):
        await shut_in(f"import socket; socket.socket(socket.{kind})", job)


def test_the_operator_is_told_what_children_are_shut_in_by() -> None:
    assert describe()
    assert ("Landlock" in describe()) == (landlock_abi() > 0)
