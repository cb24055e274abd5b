"""One process of an engine: its folder, its log, its life."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from origin.speed import launcher

STOP_S = 20
"""How long a node may take to end by itself before it is killed."""
_LOG_BYTES = 16 << 20
_LOG_END_LINES = 12
_LOG_END_BYTES = 16 << 10
_FORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="services")
"""The kernel ties a child to the thread that forked it: this one lives as long as the process."""


@dataclass(slots=True)
class Node:
    """A process that can be ended, frozen and started again on its data; it dies with the process that started it."""

    name: str
    folder: Path
    host: str
    port: int
    """Where clients reach it."""
    command: Sequence[str]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def ended_with(self) -> int | None:
        """The exit status (negative: the signal); None while it runs and before it was started."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Begin to start; nothing happens when it runs. The service's `wait_ready` says when it can be used."""
        if self.pid is None:
            self._process = _FORKER.submit(self._launch).result()

    def _launch(self) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".1.txt"))
        # Killed and not asked: a node that is frozen would never hear the question.
        lock = [str(self.folder / "lock"), str(os.getpid()), signal.SIGKILL.name]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", launcher.__file__, *lock, *self.command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C in the terminal is for us: we stop the engines.
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def ask_to_stop(self) -> None:
        """Begin to end in order, also when it is frozen."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End in order, by force after `STOP_S`."""
        self.ask_to_stop()
        if self._process is not None:
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def freeze(self) -> None:
        """Stop it from running while its connections stay open, as an overloaded or swapping machine does."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen node run on."""
        self._signal(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Frozen as long as the `with` block lasts."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def listens(self) -> bool:
        """True when something accepts connections at its address: cheap to ask before a client is opened."""
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _signal(self, number: signal.Signals) -> None:
        # `send_signal` polls first, so that no signal reaches another process that was given the same id.
        if self._process is not None:
            self._process.send_signal(number)

    def log_end(self) -> str:
        """The last lines of its log, under the file's name."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _LOG_END_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return f"--- {self.log} (nothing yet)"
        return "\n".join([f"--- {self.log}", *lines[-_LOG_END_LINES:]])
