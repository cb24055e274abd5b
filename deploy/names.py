"""A name for this installation of a role that outlives its process."""

from __future__ import annotations

import secrets
from pathlib import Path


def lasting_name(file: Path) -> str:
    """The name in a file, made at the first call. Blocking: for start-up only. Raises OSError."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        draft.write_text(f"{secrets.token_hex(6)}\n")
        draft.replace(file)
        return file.read_text().strip()
