"""The `reelway` command: one group, its commands in the files beside this one.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
"""

from __future__ import annotations

import logging
import sys

import click

from deploy.cli.access import keys, sign, token, verify
from deploy.cli.demo import demo_data
from deploy.cli.migrate import migrate
from deploy.cli.operate import dlq, doctor, purge
from deploy.cli.review import review
from deploy.cli.run import serve, up
from deploy.cli.terminal import Failed
from deploy.cli.upload import upload
from deploy.cli.webhooks import webhooks
from deploy.settings import BadSetting


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="reelway")
def reelway() -> None:
    """Short video, from a phone's upload to a feed that learns.

    Settings come from REELWAY_… variables, then reelway.toml in this folder, then defaults; `reelway doctor` shows
    them.
    """


for command in (up, serve, migrate, upload, demo_data, token, sign, verify, keys, dlq, review, webhooks, purge, doctor):
    reelway.add_command(command)


def main() -> None:
    """Run the command line; never shows a stack trace for an operator's mistake."""
    # What a client library has to say comes back to us as an error; `serve` and `up` set up a log of their own.
    logging.basicConfig(handlers=[logging.NullHandler()])
    try:
        reelway(standalone_mode=True)
    except BadSetting as error:
        click.echo(f"reelway: {error}", err=True)
        sys.exit(2)
    except Failed as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            click.echo(err=True)  # the terminal shows ^C on the line that the words would stand on
        click.echo(f"reelway: {error}", err=True)
        sys.exit(1)
