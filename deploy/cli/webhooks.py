"""`webhooks`: messages to creators' own systems."""

from __future__ import annotations

import asyncio
import uuid

import click

from deploy.cli.given import pass_settings
from deploy.cli.terminal import Failed, Reporter
from deploy.clock import now_ms
from deploy.settings import Settings
from origin.webhooks.message import TEST, body_of
from origin.webhooks.schedule import Again, Answer, Delivered, GivenUp, Unsubscribed, after
from origin.webhooks.sender import Sender
from origin.webhooks.signature import BadSecret, parse_secret, signed
from origin.webhooks.target import BadTarget, Reach, Target, parse_reach, parse_target


@click.group()
def webhooks() -> None:
    """Signed messages to creators' own systems."""


@webhooks.command("test", short_help="Send one test message to a receiver.")
@click.argument("url")
@click.option(
    "--secret",
    envvar="WEBHOOK_SECRET",
    prompt="Secret (whsec_…)",
    hide_input=True,
    help="What to sign with; also read from WEBHOOK_SECRET, else asked for.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_settings
def send_test(settings: Settings, url: str, secret: str, as_json: bool) -> None:
    """Send one signed message of the type webhook.test to URL and say what came of it.

    URL must be https and lead to a public address, or to where REELWAY_WEBHOOK_REACH allows. Exit code 1 when the
    message did not arrive.
    """
    reach = parse_reach(settings.webhook_reach)
    try:
        target, key = parse_target(url, reach), parse_secret(secret)
    except (BadTarget, BadSecret) as error:
        raise click.UsageError(str(error)) from error
    answer = asyncio.run(_sent(target, key, reach))
    happened = answer.error or f"status {answer.status}"
    Reporter(as_json).event(
        f"{happened}, after {answer.duration_ms} ms",
        status=answer.status,
        error=answer.error,
        duration_ms=answer.duration_ms,
    )
    match after(0, answer):
        case Delivered():
            return
        case Unsubscribed():
            raise Failed("the receiver wants no messages any more (410)")
        case Again(wait_s):
            raise Failed(f"the message did not arrive; a delivery would be tried again after {wait_s} s")
        case GivenUp():
            raise Failed("the message did not arrive")


async def _sent(target: Target, key: bytes, reach: Reach) -> Answer:
    at_ms, sender = now_ms(), Sender(reach)
    body = body_of(TEST, at_ms, {})
    try:
        return await sender.send(target, signed([key], f"msg_{uuid.uuid4().hex}", at_ms // 1000, body), body)
    finally:
        await sender.close()
