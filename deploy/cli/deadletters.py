"""`dlq`: what consumers could not read or could not do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from deploy.cli.given import pass_settings
from deploy.cli.stores import opened_metadata, with_log
from deploy.cli.terminal import Failed, Reporter, table
from deploy.settings import Settings
from origin.deadletters import GivenUp, Poison, Replayed, again, read_letter, replayed_note, waiting
from origin.eventlog import EventLog, LogUnavailable, Record
from origin.events import DEAD_LETTERS, MalformedEvent, Topic, UploadEvent
from origin.model import VideoStatus

MOST_LETTERS = 10_000
_APPENDS = 20
_PAUSE_S = 0.5
_KEYS = {"interactions.dlq": "user_id", "purges.dlq": "tag", "webhooks.dlq": "webhook_id"}
_KEY = "video_id"
_queue = click.option(
    "--topic",
    type=click.Choice(sorted(set(DEAD_LETTERS.values()))),
    default=DEAD_LETTERS[Topic.UPLOADS],
    show_default=True,
    help="Whose dead letters.",
)


class LetterRefused(Failed):
    """One letter; others may be replayed all the same."""


@click.group()
def dlq() -> None:
    """Uploads that packaging gave up on, messages that no receiver took, and records that could not be read or done."""


async def _letters(log: EventLog, topic: str) -> Sequence[Record]:
    return waiting(await log.read(topic, {}, MOST_LETTERS))


def _place(record: Record) -> str:
    return f"{record.position.partition}/{record.position.offset}"


def _key(record: Record) -> dict[str, str]:
    return {_KEYS.get(record.position.topic, _KEY): record.key}


def _row(record: Record) -> dict[str, Any]:
    row = {"letter": _place(record), **_key(record), "attempt": "", "code": "malformed", "detail": ""}
    try:
        letter = read_letter(record)
    except MalformedEvent as error:
        return {**row, "detail": str(error)}
    match letter:
        case GivenUp(event):
            (detail, *_) = event.error_detail.splitlines() or [""]
            return {**row, "attempt": event.attempt, "code": event.error_code, "detail": detail}
        case Poison():
            return {**row, "code": letter.code, "detail": f"{letter.detail} (read by {letter.group})"}
        case Replayed():
            return row


@dlq.command("list")
@_queue
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_settings
def list_letters(settings: Settings, topic: str, as_json: bool) -> None:
    """Dead letters that were not replayed, oldest first."""
    letters = with_log(settings, lambda log: _letters(log, topic))
    table([_row(record) for record in letters], as_json, "no dead letters")


async def _find(log: EventLog, topic: str, place: str) -> Record:
    for record in await _letters(log, topic):
        if _place(record) == place:
            return record
    raise LetterRefused(
        f"there is no dead letter {place} in {topic}; `reelway dlq list` shows those that were not replayed"
    )


@dlq.command()
@click.argument("letter")
@_queue
@pass_settings
def show(settings: Settings, letter: str, topic: str) -> None:
    """One dead letter whole, the encoder's last words included. LETTER is as `dlq list` names it."""
    record = with_log(settings, lambda log: _find(log, topic, letter))
    click.echo(record.value.decode(errors="replace"))


@dlq.command()
@click.argument("letters", nargs=-1, required=True)
@_queue
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_settings
def replay(settings: Settings, letters: Sequence[str], topic: str, as_json: bool) -> None:
    """Give dead letters to their consumer once more, each once. LETTERS are as `dlq list` names them."""
    refused = 0
    for place in letters:
        try:
            record = with_log(settings, partial(replay_letter, settings, topic, place))
        except LetterRefused as error:
            refused += 1
            Reporter(as_json).event(str(error), letter=place, error=str(error))
            continue
        ((name, key),) = _key(record).items()
        Reporter(as_json).event(f"{place} is queued again ({name} {key})", letter=place, **_key(record))
    if refused:
        raise Failed(f"{refused} of {len(letters)} letters were not replayed")


async def replay_letter(settings: Settings, topic: str, place: str, log: EventLog) -> Record:
    """Append once more what a letter holds, and note that. Raises LetterRefused, EventLogError, MetadataError."""
    record = await _find(log, topic, place)
    try:
        letter = read_letter(record)
        if isinstance(letter, Replayed):
            raise LetterRefused(f"letter {place} only notes that another letter was replayed")
        target, value = again(letter)
    except MalformedEvent as error:
        raise LetterRefused(f"letter {place} cannot be replayed: {error}") from error
    if isinstance(letter, GivenUp) and isinstance(letter.event, UploadEvent):
        await _reopen(settings, letter.event.video_id)
    # Noted last: a crash before that leaves the letter in the list, and a video that is packaged already is left alone.
    await _append(log, target, record.key, value)
    await _append(log, topic, record.key, replayed_note(record))
    return record


async def _reopen(settings: Settings, video_id: int) -> None:
    """Packaging leaves a video alone that has ended."""
    async with opened_metadata(settings) as metadata:
        await metadata.transition(video_id, {VideoStatus.FAILED}, VideoStatus.QUEUED)


async def _append(log: EventLog, topic: str, key: str, value: bytes) -> None:
    for _ in range(_APPENDS):
        try:
            await log.append(topic, key, value)
        except LogUnavailable:
            await asyncio.sleep(_PAUSE_S)
        else:
            return
    await log.append(topic, key, value)
