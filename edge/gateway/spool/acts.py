"""The payload of a spooled record: what one user did, as JSON with a `schema` number. Rules file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

from origin.events import InteractionType
from origin.views import Interaction

SCHEMA = 1
_MEMBERS = tuple(member.name for member in fields(Interaction))


class MalformedActs(ValueError):
    """Not acts, or of a schema newer than ours: poison."""


@dataclass(frozen=True, slots=True)
class Acts:
    interactions: tuple[Interaction, ...]
    request_id: str


def encode(interactions: Sequence[Interaction], request_id: str) -> bytes:
    rows = [{name: getattr(each, name) for name in _MEMBERS} for each in interactions]
    document = {"schema": SCHEMA, "request_id": request_id, "acts": rows}
    return json.dumps(document, separators=(",", ":")).encode()


def decode(payload: bytes) -> Acts:
    """Raises MalformedActs."""
    try:
        document = json.loads(payload)
        if document["schema"] != SCHEMA:
            raise MalformedActs(f"schema {document['schema']!r:.20} is not {SCHEMA}")
        interactions = tuple(_interaction(each) for each in document["acts"])
        return Acts(interactions, str(document["request_id"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedActs(f"not acts: {error!r:.200}") from error


def _interaction(row: dict[str, object]) -> Interaction:
    built = Interaction(**{**row, "type": InteractionType(str(row["type"]))})  # type: ignore[arg-type]
    for name in ("video_id", "creator_id", "at_ms", "watch_ms", "position"):
        if type(getattr(built, name)) is not int:
            raise MalformedActs(f"{name} is not a number")
    for name in ("event_id", "feed_id"):
        if type(getattr(built, name)) is not str:
            raise MalformedActs(f"{name} is not a text")
    return built
