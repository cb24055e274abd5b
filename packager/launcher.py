"""The parent of one child program: limits, accounting, and an end that cannot be missed. Shell.

Started as a file of its own (`python -I -S launcher.py REPORT AS CPU FSIZE NOFILE NICE READABLE -- PROGRAM ARG...`),
so of the packager it imports the sandbox alone. It forks once, sets the limits in the fork before the program starts
(no race, and no `preexec_fn`, which is not safe in a threaded parent), waits for it and writes
`{"cpu_s", "max_rss_bytes"}` to REPORT. READABLE is a JSON list of the paths that the program may read beside its
working folder, where it may write; `null` leaves it unconfined.
Its standard input is a pipe from the worker: when that closes, because the worker wants it or because the worker
was killed, the program is killed. So no encoder outlives its worker.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading

NOT_STARTED = 127
KILLED_BASE = 128


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


abandoned = threading.Event()


def kill_when_abandoned(child: int) -> None:
    """Block until the worker's pipe closes, then kill the program."""
    while os.read(0, 4096):
        pass
    abandoned.set()
    try:
        os.kill(child, signal.SIGKILL)
    except ProcessLookupError:
        return


def main(arguments: list[str]) -> int:
    report, *numbers, readable = arguments[:7]
    address_space, cpu_s, file_bytes, open_files, nice = (int(number) for number in numbers)
    program = arguments[8:]
    give_way(nice)
    child = os.fork()
    if child == 0:
        limit_and_start(program, json.loads(readable), address_space, cpu_s, file_bytes, open_files)
    threading.Thread(target=kill_when_abandoned, args=(child,), daemon=True).start()
    _, status, usage = os.wait4(child, 0)
    scale = 1 if sys.platform == "darwin" else 1024
    with open(report, "w", encoding="ascii") as file:  # noqa: PTH123  -- pathlib would triple the start-up time
        json.dump({"cpu_s": usage.ru_utime + usage.ru_stime, "max_rss_bytes": usage.ru_maxrss * scale}, file)
    if abandoned.is_set():
        # Whatever the program had started is in this group too, and so are we; nobody waits for an exit code.
        os.killpg(0, signal.SIGKILL)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else KILLED_BASE + os.WTERMSIG(status)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # Not sys.exit: the watching thread sits in a read that never ends.
    os._exit(code)
