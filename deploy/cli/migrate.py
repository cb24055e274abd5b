"""`reelway migrate`: make the engines ready for this version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import click

from deploy.cli.given import pass_settings
from deploy.cli.terminal import Failed, Reporter
from deploy.readiness import ENGINE_ERRORS
from deploy.settings import Settings
from origin.eventlog import prepare_eventlog
from origin.metadata import prepare_metadata
from origin.objects import prepare_objects

_PREPARE: tuple[tuple[str, Callable[[str], Coroutine[Any, Any, Sequence[str]]]], ...] = (
    ("metadata_url", prepare_metadata),
    ("objects_url", prepare_objects),
    ("events_url", prepare_eventlog),
)


@click.command(short_help="Make keyspace, tables, topics and bucket.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_settings
def migrate(settings: Settings, as_json: bool) -> None:
    """Make the engines that the settings name ready for this version: keyspace and tables, topics, bucket.

    It may be repeated, and run by several at once: what is there already stays. Embedded engines need nothing.
    """
    reporter = Reporter(as_json)
    for setting, prepare in _PREPARE:
        name = f"REELWAY_{setting.upper()}"
        try:
            lines = asyncio.run(prepare(getattr(settings, setting)))
        except (*ENGINE_ERRORS, ValueError) as error:
            raise Failed(f"{name}: {error}") from error
        for line in lines or ("nothing to do",):
            reporter.event(f"{name}: {line}", setting=name, done=line)
