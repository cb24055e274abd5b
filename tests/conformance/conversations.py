"""A notation for conversations with an upload resource: what is said, what must be heard.

`{where}` in a path is the Location of the last creation; `{a}`, `{b}`… those of creations that were given a name. In an
expectation a value is exact, `...` any value, None: the field is absent, and a compiled pattern must match the whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any

Expected = str | None | EllipsisType | re.Pattern[str]


@dataclass(frozen=True)
class Heard:
    """What the answer must be. `problem` is the code, `members` others of an RFC 9457 body."""

    status: int | tuple[int, ...]
    fields: Mapping[str, Expected] = field(default_factory=dict)
    interim: Sequence[Mapping[str, Expected]] | None = None
    """The 104 answers, in order; None: not looked at."""
    problem: str = ""
    members: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    method: str
    path: str = "/v1/uploads"
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Sequence[bytes] | None = None
    trailers: Mapping[str, str] | None = None
    user_id: int | None = 7
    cut_off: bool = False
    named: str = ""


@dataclass(frozen=True)
class Later:
    """Time goes by."""

    ms: int


Line = tuple[Said, Heard] | Later


@dataclass(frozen=True)
class Conversation:
    rule: str
    """The line of the standard."""
    lines: Sequence[Line]

    def __str__(self) -> str:
        return self.rule


async def hold(world: Any, conversation: Conversation) -> None:
    """Say the lines one after another; raises AssertionError at the first answer that is not as it must be."""
    places: dict[str, str] = {}
    for number, line in enumerate(conversation.lines, start=1):
        if isinstance(line, Later):
            world.clock.now_ms += line.ms
            continue
        said, heard = line
        fields = {name: value.format(**places) for name, value in said.fields.items()}
        answer = await world.ask(
            said.method,
            said.path.format(**places),
            fields,
            said.body,
            user_id=said.user_id,
            cut_off=said.cut_off,
            interim=True,
            trailers=dict(said.trailers) if said.trailers else None,
        )
        where = f"line {number}, {said.method} {said.path}: {answer.status} {answer.headers} {answer.body[:300]!r}"
        allowed = heard.status if isinstance(heard.status, tuple) else (heard.status,)
        assert answer.status in allowed, where
        _compare(answer.headers, heard.fields, where)
        if heard.interim is not None:
            assert [status for status, _ in answer.interim] == [104] * len(heard.interim), (where, answer.interim)
            for (_, told), wanted in zip(answer.interim, heard.interim, strict=True):
                _compare(told, wanted, where)
        if heard.problem:
            _problem(answer, heard, where)
        if location := answer.headers.get("location"):
            places["where"] = location
            places |= {said.named: location} if said.named else {}


def _compare(headers: Mapping[str, str], wanted: Mapping[str, Expected], where: str) -> None:
    for name, value in wanted.items():
        found = headers.get(name.lower())
        match value:
            case None:
                assert found is None, f"{name} is there: {where}"
            case EllipsisType():
                assert found is not None, f"{name} is missing: {where}"
            case re.Pattern():
                assert found is not None and value.fullmatch(found), f"{name}: {where}"  # noqa: PT018
            case _:
                assert found == value, f"{name}: {where}"


def _problem(answer: Any, heard: Heard, where: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json", where
    document = json.loads(answer.body)
    assert document["code"] == heard.problem, where
    for name, value in heard.members.items():
        assert document.get(name) == value, where
