"""`webhooks`: messages to creators' own systems."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import click

from deploy.cli.given import pass_settings
from deploy.cli.stores import opened_metadata, with_log
from deploy.cli.terminal import Failed, Reporter, moment, table
from deploy.clock import now_ms
from deploy.settings import Settings
from origin.eventlog import EventLog
from origin.metadata import Metadata
from origin.refusals import StillRetrying, WebhookDisabled
from origin.subscriptions import Attempt, Webhook
from origin.webhooks.message import TEST, body_of
from origin.webhooks.replaying import replay
from origin.webhooks.schedule import Again, Answer, Delivered, GivenUp, Unsubscribed, after
from origin.webhooks.sender import Sender
from origin.webhooks.signature import BadSecret, parse_secret, signed
from origin.webhooks.target import BadTarget, Reach, Target, parse_reach, parse_target

T = TypeVar("T")
MOST_LISTED = 10_000
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def webhooks() -> None:
    """Signed messages to creators' own systems."""


def _with_stores(settings: Settings, work: Callable[[Metadata, EventLog], Awaitable[T]]) -> T:
    async def run(log: EventLog) -> T:
        async with opened_metadata(settings) as metadata:
            return await work(metadata, log)

    return with_log(settings, run)


def _webhook_row(webhook: Webhook) -> dict[str, Any]:
    return {
        "webhook_id": str(webhook.webhook_id),
        "user_id": str(webhook.user_id),
        "created": moment(webhook.created_at_ms),
        "disabled": webhook.disabled or "",
        "failing_since": moment(webhook.failing_since_ms),
        "types": ",".join(webhook.types) or "all",
        "url": webhook.url,
    }


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": moment(attempt.at_ms),
        "message_id": attempt.message_id,
        "attempt": attempt.number,
        "outcome": attempt.outcome,
        "answer": attempt.error if attempt.status is None else attempt.status,
        "ms": attempt.duration_ms,
        "next": moment(attempt.next_at_ms),
    }


@webhooks.command("list")
@click.option("--user", type=int, help="Those of this user.")
@click.option("--webhook", type=int, help="This one.")
@_json
@pass_settings
def list_webhooks(settings: Settings, user: int | None, webhook: int | None, as_json: bool) -> None:
    """Webhooks of a user, or one by its id; never their secrets."""
    if (user is None) == (webhook is None):
        raise click.UsageError("name either --user or --webhook")

    async def work(metadata: Metadata, _: EventLog) -> Sequence[Webhook]:
        if webhook is None:
            return await metadata.webhooks_of(user or 0)
        return [await metadata.webhook(await metadata.webhook_owner(webhook), webhook)]

    table([_webhook_row(each) for each in _with_stores(settings, work)], as_json, "this user has no webhooks")


@webhooks.command()
@click.argument("webhook", type=int)
@click.option("--limit", type=click.IntRange(1, MOST_LISTED), default=100, show_default=True, help="Most attempts.")
@_json
@pass_settings
def deliveries(settings: Settings, webhook: int, limit: int, as_json: bool) -> None:
    """What came of a webhook's messages in the last 7 days, newest first; also of one that was deleted."""

    async def work(metadata: Metadata, _: EventLog) -> Sequence[Attempt]:
        await metadata.webhook_owner(webhook)
        return await metadata.attempts_of(webhook, None, limit, now_ms())

    table([_attempt_row(each) for each in _with_stores(settings, work)], as_json, "nothing was sent in 7 days")


@webhooks.command("replay")
@click.argument("webhook", type=int)
@click.argument("messages", nargs=-1, required=True)
@_json
@pass_settings
def replay_messages(settings: Settings, webhook: int, messages: Sequence[str], as_json: bool) -> None:
    """Send messages of the last 7 days again, under the ids that they had. MESSAGES are ids as `deliveries` shows.

    Those that are still retried are left alone.
    """
    said = Reporter(as_json)

    async def work(metadata: Metadata, log: EventLog) -> int:
        user_id, refused = await metadata.webhook_owner(webhook), 0
        for message_id in messages:
            known = {"webhook_id": str(webhook), "message_id": message_id}
            try:
                await replay(metadata, log, user_id, webhook, message_id, now_ms())
            except StillRetrying as error:
                refused += 1
                said.event(str(error), **known, error=str(error))
            else:
                said.event(f"{message_id} is queued again", **known)
        return refused

    try:
        refused = _with_stores(settings, work)
    except WebhookDisabled as error:
        raise Failed(str(error)) from error
    if refused:
        raise Failed(f"{refused} of {len(messages)} messages were not replayed")


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
