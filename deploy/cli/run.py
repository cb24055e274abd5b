"""`reelway up`: run until told to stop."""

from __future__ import annotations

import asyncio

import click
import uvloop

from deploy.cli.given import pass_settings
from deploy.cli.terminal import Failed
from deploy.engines import CannotStart
from deploy.process import run_process
from deploy.settings import Settings


@click.command(short_help="Start every role and keep running.")
@pass_settings
def up(settings: Settings) -> None:
    """Start every role in this process and keep running until Ctrl-C."""

    def announce() -> None:
        click.echo(f"Reelway is ready: {settings.public_url}/   (Ctrl-C drains and stops)")

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_process(settings, announce))
    except CannotStart as error:
        raise Failed(str(error)) from error
