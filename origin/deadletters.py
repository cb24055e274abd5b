"""Dead letters: what a consumer could not read or could not do, with the reason. Rules file.

An upload that packaging gave up on is its own UploadEvent with `attempt` and `error`, a webhook's message that no
receiver took its WebhookEvent. A record that is no event of its topic, one of a newer version, or one at which
something unforeseen broke, travels inside a letter, whole unless it is very large. A letter that was replayed is
followed by a note that says so, so that it is not replayed twice.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from origin.eventlog.base import Position, Record
from origin.events import (
    DEAD_LETTERS,
    KINDS,
    SCHEMA,
    MalformedEvent,
    NewerSchema,
    Topic,
    UploadEvent,
    WebhookEvent,
    decode,
    encode,
    parsed,
)

WHOLE_BYTES = 512 << 10
"""Of a larger record only the beginning is kept, because a log takes no record of any size; it cannot be replayed."""
_BEGINNING_BYTES = 16 << 10
NEWER = "newer_schema"
MALFORMED = "malformed"
UNFORESEEN = "unforeseen"
_MOST_DETAIL = 500
"""Characters of what is said of an error that nobody foresaw."""


@dataclass(frozen=True, slots=True)
class Poison:
    """A record that its consumer could not read, or could not handle for a reason that nobody foresaw."""

    position: Position
    key: str
    group: str
    """Who could not."""
    code: str
    detail: str
    value: bytes
    whole: bool


@dataclass(frozen=True, slots=True)
class GivenUp:
    """An upload that packaging gave up on, or a message that no receiver took."""

    event: UploadEvent | WebhookEvent


@dataclass(frozen=True, slots=True)
class Replayed:
    """The note that a letter of the same partition was replayed."""

    offset: int


Letter = Poison | GivenUp | Replayed


def dead_letter(record: Record, group: str, error: Exception) -> tuple[str, str, bytes]:
    """Topic, key and value of the letter for a record that `group` could not read (`error` is MalformedEvent) or could
    not handle (any other)."""
    position, value = record.position, record.value
    whole = len(value) <= WHOLE_BYTES
    document = {
        "schema": SCHEMA,
        "error": _reason(error),
        "group": group,
        "topic": position.topic,
        "partition": position.partition,
        "offset": position.offset,
        "whole": whole,
        **_shown(value if whole else value[:_BEGINNING_BYTES]),
    }
    return DEAD_LETTERS[Topic(position.topic)], record.key, json.dumps(document, separators=(",", ":")).encode()


def _reason(error: Exception) -> dict[str, str]:
    if isinstance(error, MalformedEvent):
        return {"code": NEWER if isinstance(error, NewerSchema) else MALFORMED, "detail": str(error)}
    return {"code": UNFORESEEN, "detail": f"{type(error).__name__}: {error}"[:_MOST_DETAIL]}


def _shown(value: bytes) -> dict[str, str]:
    try:
        return {"value": value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode()}


def read_letter(record: Record) -> Letter:
    """What a record of a dead-letter topic says. Raises MalformedEvent."""
    document = parsed(record.value)
    if isinstance(document.get("replayed"), int):
        return Replayed(document["replayed"])
    if "whole" not in document:
        if record.position.topic == Topic.WEBHOOKS_DEAD:
            return GivenUp(decode(WebhookEvent, record.value))
        return GivenUp(decode(UploadEvent, record.value))
    try:
        value = document["value"].encode() if "value" in document else base64.b64decode(document["value_base64"])
        return Poison(
            Position(document["topic"], document["partition"], document["offset"]),
            record.key,
            document["group"],
            document["error"]["code"],
            document["error"]["detail"],
            value,
            document["whole"],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MalformedEvent(f"not a dead letter: {error!r}") from error


def waiting(records: Sequence[Record]) -> list[Record]:
    """The letters that were not replayed, in their order."""
    replayed: set[tuple[int, int]] = set()
    letters: list[Record] = []
    for record in records:
        try:
            letter = read_letter(record)
        except MalformedEvent:
            letters.append(record)
            continue
        if isinstance(letter, Replayed):
            replayed.add((record.position.partition, letter.offset))
        else:
            letters.append(record)
    return [each for each in letters if (each.position.partition, each.position.offset) not in replayed]


def replayed_note(record: Record) -> bytes:
    """The value of the note, to be appended under the letter's key."""
    return json.dumps({"schema": SCHEMA, "replayed": record.position.offset}).encode()


def again(letter: Poison | GivenUp) -> tuple[str, bytes]:
    """Topic and value of the record to append when a letter is replayed.

    Raises MalformedEvent when this version cannot read it either.
    """
    if isinstance(letter, GivenUp):
        fresh = replace(letter.event, attempt=0, error_code="", error_detail="")
        if isinstance(fresh, WebhookEvent):
            return Topic.WEBHOOKS, encode(replace(fresh, put_off=0))
        return Topic.UPLOADS, encode(replace(fresh, not_before=0))
    if not letter.whole:
        raise MalformedEvent("only the beginning of the record was kept")
    topic = Topic(letter.position.topic)
    decode(KINDS[topic], letter.value)
    return topic, letter.value
