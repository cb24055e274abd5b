"""Who of a group reads a topic: a file lock, which the operating system drops the moment its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from urllib.parse import quote


class Claims:
    """The claims of all groups on one log; claims of one process exclude each other like those of two."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def claim(self, group: str, topic: str) -> int | None:
        """A descriptor that holds the claim until it is closed; None while another consumer holds it."""
        name = f"{quote(group, safe='')}@{quote(topic, safe='')}"
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def give_up(self, descriptor: int) -> None:
        os.close(descriptor)
