"""How commands talk: a progress bar on a terminal, plain lines elsewhere, JSON lines with --json."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

LINE_EVERY_S = 5.0


class Failed(Exception):
    """The command could not do its work; the text says why and what to do. Exit code 1."""


class Reporter:
    """Reports one command's events: a dictionary each, told in words or as a JSON line."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._bar_shown = False
        self._last_line_s = time.monotonic()

    def event(self, words: str, **fields: Any) -> None:
        """Something happened: `words` for people, `fields` for machines."""
        self._end_bar()
        click.echo(json.dumps(fields) if self._json else words)

    def progress(self, label: str, done: float, detail: str, **fields: Any) -> None:
        """Work is `done` (0–1); shown as a bar, or as a line every LINE_EVERY_S."""
        if sys.stdout.isatty() and not self._json:
            filled = int(30 * done)
            line = f"{label} [{'█' * filled}{'·' * (30 - filled)}] {done:4.0%} {detail}"
            # A line that wraps could not be written over.
            click.echo(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}", nl=False)
            self._bar_shown = True
        elif time.monotonic() - self._last_line_s >= LINE_EVERY_S:
            self._last_line_s = time.monotonic()
            click.echo(
                json.dumps({"progress": round(done, 3), **fields}) if self._json else f"{label} {done:.0%} {detail}"
            )

    def _end_bar(self) -> None:
        if self._bar_shown:
            click.echo("")
            self._bar_shown = False


def moment(at_ms: int | None) -> str:
    """A time for people and machines; empty for none."""
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def table(rows: list[Mapping[str, Any]], as_json: bool, empty: str) -> None:
    """Rows as JSON lines, or as columns under their names."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    if not rows:
        click.echo(empty)
        return
    names = list(rows[0])
    widths = [max(len(name), *(len(str(row[name])) for row in rows)) for name in names]
    for line in ({name: name.upper().replace("_", " ") for name in names}, *rows):
        click.echo("  ".join(str(line[name]).ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())
