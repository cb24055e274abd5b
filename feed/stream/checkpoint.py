"""The scorer's snapshot in a file, replaced as a whole. Blocking: called in a thread."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from feed.model.snapshot import BadSnapshot, Snapshot, decode
from feed.settings import ScorerSettings

logger = logging.getLogger(__name__)


def save(path: Path, data: bytes) -> None:
    """Durable on return; a crash leaves the one before. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def load(path: Path, settings: ScorerSettings) -> Snapshot | None:
    """None when there is none, or none that can be read: the scorer then begins at the log's beginning.

    Raises OSError.
    """
    try:
        return decode(path.read_bytes(), settings)
    except FileNotFoundError:
        return None
    except BadSnapshot as error:
        logger.warning("checkpoint set aside", extra={"file": path.name, "error": str(error)})
        path.replace(path.with_suffix(".unreadable"))
        return None
