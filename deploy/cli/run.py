"""`reelway up` and `reelway serve`: run until told to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import uvloop

from deploy.cli.given import pass_settings
from deploy.cli.terminal import Failed
from deploy.engines import CannotStart
from deploy.process import run_process
from deploy.roles import EVERY_ROLE, Role
from deploy.settings import Settings, load


@click.command(short_help="Start every role and keep running.")
@pass_settings
def up(settings: Settings) -> None:
    """Start every role in this process and keep running until Ctrl-C."""
    _run(settings, EVERY_ROLE, f"Reelway is ready: {settings.public_url}/   (Ctrl-C drains and stops)")


@click.command(short_help="Start some roles and keep running.")
@click.argument("roles", nargs=-1, required=True, type=click.Choice([role.value for role in Role]), metavar="ROLE...")
def serve(roles: tuple[str, ...]) -> None:
    """Start some roles in this process and keep running until SIGTERM or Ctrl-C.

    ROLE is gateway, edge, origin, packager, feed or scorer. Roles of other processes are reached by
    REELWAY_ORIGIN_TARGET, _FEED_TARGET, _SCORER_TARGET and _ORIGIN_URL; all processes share the engines that
    REELWAY_METADATA_URL, _OBJECTS_URL, _EVENTS_URL and _REDIS_URL name.
    """
    wanted = frozenset(Role(role) for role in roles)
    names = ", ".join(sorted(wanted))
    _run(load(Path.cwd(), roles=wanted), wanted, f"Reelway serves {names}   (Ctrl-C drains and stops)")


def _run(settings: Settings, roles: frozenset[Role], ready: str) -> None:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_process(settings, roles, lambda: click.echo(ready)))
    except CannotStart as error:
        raise Failed(str(error)) from error
