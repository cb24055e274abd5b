"""Who has only the cores that others leave, because in earnest it has a machine of its own."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from deploy.services.node import Node

NICE = 10


def set_aside(node: Node) -> None:
    """A node that runs: its process, and where the kernel shares cores by session, its session."""
    if node.pid is None:
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, node.pid, NICE)
        Path(f"/proc/{node.pid}/autogroup").write_text(str(NICE))
