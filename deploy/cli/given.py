"""What every command is given: the settings, a server's address, the state of a system that has run here."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

import click

from deploy.cli.terminal import Failed
from deploy.settings import Settings, load

P = ParamSpec("P")
T = TypeVar("T")


def pass_settings(command: Callable[Concatenate[Settings, P], T]) -> Callable[P, T]:
    """Hand the settings to a command; they are read only when it runs, so a bad one leaves `--help` working."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return command(load(Path.cwd()), *args, **kwargs)

    return update_wrapper(run, command)


class ServerUrl(click.ParamType[str]):
    """The `https://` address of a server."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        parts = urlsplit(str(value))
        if parts.scheme != "https" or not parts.hostname:
            self.fail(f"{str(value)!r} is not an address such as https://localhost:8443", param, ctx)
        return str(value).rstrip("/")


def existing(path: Path, what: str) -> Path:
    """A file that `reelway up` makes; raises Failed where none has run, rather than beginning a second system there."""
    if not path.exists():
        raise Failed(f"no {what} at {path}: run this in the folder of `reelway up`, or set REELWAY_DATA")
    return path
