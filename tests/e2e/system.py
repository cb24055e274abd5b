"""A real Reelway in a child process: `reelway up` on free ports and a data folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.ports import free_port

READY_WITHIN_S = 60.0


@dataclass
class RunningSystem:
    """Ports and data outlive the process, so that it can be killed and started again."""

    data_folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    gateway_port: int = field(default_factory=free_port)
    edge_port: int = field(default_factory=free_port)
    origin_port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def public_url(self) -> str:
        return f"https://localhost:{self.gateway_port}"

    @property
    def media_url(self) -> str:
        return self.settings.get("REELWAY_MEDIA_URL", self.public_url)

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def certificate(self) -> Path:
        return self.data_folder / "tls" / "cert.pem"

    @property
    def log(self) -> Path:
        return self.data_folder.parent / f"{self.data_folder.name}.log"

    def environment(self) -> dict[str, str]:
        """What the child, and any `reelway` command that speaks to it, is started with."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REELWAY_")}
        return clean | {
            "REELWAY_DATA": str(self.data_folder),
            "REELWAY_GATEWAY_BIND": f"127.0.0.1:{self.gateway_port}",
            "REELWAY_EDGE_BIND": f"127.0.0.1:{self.edge_port}",
            "REELWAY_ORIGIN_BIND": f"127.0.0.1:{self.origin_port}",
            "REELWAY_ADMIN_BIND": f"127.0.0.1:{self.admin_port}",
            **self.settings,
        }

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).parent / "reelway"), "up"],
                env=self.environment(),
                cwd=self.data_folder.parent,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(
                    f"reelway up ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}"
                )
            if self._ready():
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready within {READY_WITHIN_S:.0f} s:\n{self.log.read_text()[-4000:]}")

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.admin_url}/readyz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """kill -9 of the process alone, as a crash would; its children must notice by themselves."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        return self.process.returncode

    def command(self, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a `reelway` command against this system."""
        return subprocess.run(
            [str(Path(sys.executable).parent / "reelway"), *arguments],
            env=self.environment(),
            cwd=self.data_folder.parent,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
