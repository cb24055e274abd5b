"""The few ASGI calls that the gateway's shells make themselves, with their types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from edge.gateway import problems
from edge.gateway.problems import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Fields = Iterable[tuple[str, str]]


def encoded(fields: Fields) -> list[tuple[bytes, bytes]]:
    """Header fields as ASGI wants them: lower-case names, Latin-1 bytes."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]


async def send_whole(send: Send, status: int, fields: Fields, body: bytes = b"") -> None:
    """One whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": encoded(fields)})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def problem_fields(problem: Problem, body: bytes) -> list[tuple[str, str]]:
    return [
        ("Content-Type", problems.CONTENT_TYPE),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *problem.headers,
    ]


async def send_problem(send: Send, problem: Problem, request_id: str) -> None:
    body = problems.body(problem, request_id)
    await send_whole(send, problem.status, problem_fields(problem, body), body)
