"""The parent of one child program: limits, accounting, and an end that cannot be missed. Shell.

Started as a file of its own (`python -I -S launcher.py REPORT AS CPU FSIZE NOFILE NICE FREEDOM -- PROGRAM ARG...`),
so of the packager it imports the sandbox alone. It forks once, sets the limits in the fork before the program starts
(no race, and no `preexec_fn`, which is not safe in a threaded parent), waits for it and writes
`{"cpu_s", "max_rss_bytes"}` to REPORT. FREEDOM is UNCONFINED, or CONFINED and the absolute paths that the program may
read beside its working folder, where it may write.
Its standard input is a pipe from the worker: when that closes, because the worker wants it or because the worker
was killed, the program is killed. So no encoder outlives its worker.

A publication waits for eight of these starts, one behind the other in part. So it imports what costs nothing: `json`,
`signal` and `threading` would take three times as long as Python itself.
"""

from __future__ import annotations

import _thread
import os
import resource
import sys

CONFINED, UNCONFINED = "confined", "unconfined"
NOT_STARTED = 127
KILLED_BASE = 128
SIGKILL = 9
"""By its number, which POSIX fixes (kill, "-9")."""


def limit_and_start(
    program: list[str], readable: list[str] | None, address_space: int, cpu_s: int, file_bytes: int, open_files: int
) -> None:
    """In the fork: become the program, or report why not on stderr."""
    try:
        if readable is not None:
            shut_in(program[0], readable)
        for kind, value in (
            (resource.RLIMIT_AS, address_space),
            (resource.RLIMIT_CPU, cpu_s),
            (resource.RLIMIT_FSIZE, file_bytes),
            (resource.RLIMIT_NOFILE, open_files),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(kind)[1]
            allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (allowed, allowed))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.execv(program[0], program)  # noqa: S606  -- no shell is wanted
    except OSError as error:
        os.write(2, f"{program[0]} could not be started: {error}\n".encode())
    os._exit(NOT_STARTED)


def shut_in(program: str, readable: list[str]) -> None:
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    from packager.sandbox import confine  # here, because ctypes costs as much as the rest of the start

    confine([os.path.dirname(program), *readable], [os.getcwd()])  # noqa: PTH109, PTH120


def give_way(nice: int) -> None:
    """Let those that serve go before us."""
    os.nice(nice)
    try:
        # Where the kernel shares cores by session, as most desktops and servers have it, a nice value counts within the
        # session only, and a session has one of its own (sched(7), "The autogroup feature").
        with open("/proc/self/autogroup", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(str(nice))
    except OSError:
        return


def kill_when_abandoned(child: int, abandoned: list[bool]) -> None:
    """Block until the worker's pipe closes, note it, and kill the program."""
    while os.read(0, 4096):
        pass
    abandoned.append(True)
    try:
        os.kill(child, SIGKILL)
    except ProcessLookupError:
        return


def main(arguments: list[str]) -> int:
    end = arguments.index("--")
    report, *numbers = arguments[:6]
    freedom, *readable = arguments[6:end]
    address_space, cpu_s, file_bytes, open_files, nice = (int(number) for number in numbers)
    give_way(nice)
    child = os.fork()
    if child == 0:
        shut_in_to = readable if freedom == CONFINED else None
        limit_and_start(arguments[end + 1 :], shut_in_to, address_space, cpu_s, file_bytes, open_files)
    abandoned: list[bool] = []
    _thread.start_new_thread(kill_when_abandoned, (child, abandoned))
    _, status, usage = os.wait4(child, 0)
    scale = 1 if sys.platform == "darwin" else 1024
    spent, most = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale
    with open(report, "w", encoding="ascii") as file:  # noqa: PTH123  -- pathlib would triple the start-up time
        file.write(f'{{"cpu_s": {spent:.6f}, "max_rss_bytes": {most}}}')
    if abandoned:
        # Whatever the program had started is in this group too, and so are we; nobody waits for an exit code.
        os.killpg(0, SIGKILL)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else KILLED_BASE + os.WTERMSIG(status)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Not sys.exit: the watching thread sits in a read that never ends.
    os._exit(code)
