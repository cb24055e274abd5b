"""Children that misbehave: slow, greedy, loud, orphaned."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from packager.process import OutputTooLong, ProcessFailed, ProcessLimits, ProcessNotRun, ProcessTimedOut, run

GROUPED = Path("/proc/self/autogroup").exists()
PYTHON = str(Path(sys.executable).resolve())


def child(code: str) -> tuple[str, ...]:
    return (PYTHON, "-I", "-S", "-c", code)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return b"Z" not in Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0]


async def gone(pid: int) -> bool:
    for _ in range(100):
        if not alive(pid):
            return True
        await asyncio.sleep(0.05)
    return False


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def there(path: Path) -> None:
    for _ in range(500):
        if await asyncio.to_thread(path.exists):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} never came")


async def test_output_errors_and_cost_come_back(tmp_path: Path) -> None:
    code = "import sys\nfor n in range(3_000_000): pass\nprint('out')\nsys.stderr.write('err\\n')"
    finished = await run(child(code), cwd=tmp_path, limits=ProcessLimits())
    assert finished.stdout == b"out\n"
    assert finished.stderr_tail == ("err",)
    assert 0.02 < finished.usage.cpu_s < 5
    assert finished.usage.max_rss_bytes > 1_000_000
    assert names(tmp_path) == []


async def test_lines_are_handed_on_as_they_come(tmp_path: Path) -> None:
    lines: list[str] = []
    await run(child("print('frame=1')\nprint('frame=2')"), cwd=tmp_path, limits=ProcessLimits(), on_line=lines.append)
    assert lines == ["frame=1", "frame=2"]


async def test_a_failing_child_tells_its_code_and_only_its_last_lines(tmp_path: Path) -> None:
    code = "import sys\nfor n in range(1000): sys.stderr.write(f'{n} ' + 'x' * 900 + '\\n')\nsys.exit(69)"
    with pytest.raises(ProcessFailed, match="ended with 69") as caught:
        await run(child(code), cwd=tmp_path, limits=ProcessLimits())
    assert caught.value.returncode == 69
    assert len(caught.value.stderr_tail) == 20
    assert caught.value.stderr_tail[-1].startswith("999 ")
    assert max(map(len, caught.value.stderr_tail)) <= 400


async def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    code = "import sys\nsys.stderr.write('y' * 3_000_000 + '\\nlast\\n')"
    finished = await run(child(code), cwd=tmp_path, limits=ProcessLimits())
    assert finished.stderr_tail[-1].endswith("last")


async def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProcessNotRun, match="could not be started"):
        await run(("/nowhere/ffmpeg",), cwd=tmp_path, limits=ProcessLimits())


async def test_a_launcher_that_is_killed_is_not_taken_for_the_programs_own_end(tmp_path: Path) -> None:
    code = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    with pytest.raises(ProcessNotRun, match="launcher"):
        await run(child(code), cwd=tmp_path, limits=ProcessLimits())


async def test_a_child_beyond_its_wall_time_is_killed_with_its_own_children(tmp_path: Path) -> None:
    code = (
        "import os, time\npid = os.fork()\n"
        "if pid: open('pid', 'w').write(f'{os.getpid()}'); time.sleep(60)\nelse: time.sleep(60)"
    )
    began = time.monotonic()
    with pytest.raises(ProcessTimedOut, match="still running after"):
        await run(child(code), cwd=tmp_path, limits=ProcessLimits(wall_s=1))
    assert time.monotonic() - began < 10
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_a_child_beyond_its_cpu_time_is_ended_by_the_kernel(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed) as caught:
        await run(child("while True: pass"), cwd=tmp_path, limits=ProcessLimits(wall_s=30, cpu_s=1))
    assert caught.value.returncode - 128 in {signal.SIGXCPU, signal.SIGKILL}
    assert caught.value.usage.cpu_s >= 0.6


async def test_a_child_cannot_take_more_memory_than_allowed(tmp_path: Path) -> None:
    limits = ProcessLimits(address_space_bytes=300 * 1024**2)
    with pytest.raises(ProcessFailed, match="MemoryError"):
        await run(child("x = bytearray(1 << 30)"), cwd=tmp_path, limits=limits)


async def test_a_child_cannot_write_a_larger_file_than_allowed(tmp_path: Path) -> None:
    code = "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nopen('big', 'wb').write(bytes(1 << 21))"
    with pytest.raises(ProcessFailed):
        await run(child(code), cwd=tmp_path, limits=ProcessLimits(file_bytes=1 << 20))
    assert (tmp_path / "big").stat().st_size <= 1 << 20


async def test_too_much_output_ends_the_child(tmp_path: Path) -> None:
    with pytest.raises(OutputTooLong):
        await run(child("while True: print('x' * 1000)"), cwd=tmp_path, limits=ProcessLimits(stdout_bytes=100_000))


async def test_a_child_sees_nothing_of_our_environment_and_no_terminal(tmp_path: Path) -> None:
    code = "import os, sys\nprint(sorted(os.environ), sys.stdin.read() == '', os.getsid(0) != os.getppid() - 1)"
    finished = await run(child(code), cwd=tmp_path, limits=ProcessLimits())
    assert finished.stdout.decode().startswith("['LC_ALL', 'MALLOC_ARENA_MAX'] True")


async def test_a_child_gives_way_also_where_the_kernel_shares_cores_by_session(tmp_path: Path) -> None:
    code = f"import os; print(os.nice(0), open('/proc/self/autogroup').read() if {GROUPED} else '')"
    told = await run(child(code), cwd=tmp_path, limits=ProcessLimits(niceness=5))
    nice, *group = told.stdout.decode().split()
    assert int(nice) >= 5
    assert group[1:] == (["nice", "5"] if GROUPED else [])


async def test_cancelling_kills_the_child_before_the_cancellation_goes_on(tmp_path: Path) -> None:
    code = "import os, time\nopen('pid', 'w').write(str(os.getpid())); open('ready', 'w').close()\ntime.sleep(60)"
    task = asyncio.create_task(run(child(code), cwd=tmp_path, limits=ProcessLimits()))
    await there(tmp_path / "ready")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(int((tmp_path / "pid").read_text()))
    assert names(tmp_path) == ["pid", "ready"]


async def test_a_child_dies_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    code = "import os, time\nopen('pid', 'w').write(str(os.getpid())); open('ready', 'w').close()\ntime.sleep(60)"
    worker = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom packager.process import ProcessLimits, run\n"
        f"asyncio.run(run({child(code)!r}, cwd=Path({str(tmp_path)!r}), limits=ProcessLimits()))"
    )
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", worker, cwd=root)
    await there(tmp_path / "ready")
    process.kill()
    await process.wait()
    assert await gone(int((tmp_path / "pid").read_text()))
