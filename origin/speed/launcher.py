"""Runs as a process of its own: takes the data folder's lock, ties its life to its parent's, becomes the server.

    python launcher.py LOCK_FILE PARENT_PID SIGNAL SERVER ARGUMENT...

SIGNAL (`SIGTERM`, `SIGKILL`) is what the server is sent when its parent is gone.

The lock stays with the process through `exec`, so it is held exactly as long as a server uses the folder, even by
one whose parent was killed. Imports nothing of the project, so that it starts in milliseconds.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
import time

LOCK_WAIT_S = 10
"""A server whose parent was killed needs a moment to write its files and go."""
EXIT_LOCKED = 75
_PR_SET_PDEATHSIG = 1


def main() -> None:
    lock_file, parent, farewell, server, *arguments = sys.argv[1:]
    lock = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    if not _take(lock):
        holder = os.read(lock, 20).decode(errors="replace")
        sys.stderr.write(f"the data folder of {lock_file} is in use by process {holder or 'unknown'}\n")
        sys.exit(EXIT_LOCKED)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    os.set_inheritable(lock, True)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.Signals[farewell], 0, 0, 0)
    # The parent may have died before the kernel was asked to tell.
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execv(server, [server, *arguments])  # noqa: S606 -- becoming the server is the point


def _take(lock: int) -> bool:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


if __name__ == "__main__":
    main()
