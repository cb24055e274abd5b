"""The few ASGI calls that the gateway's shells make themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from edge.asgi import Receive, Scope, Send
from edge.gateway import problems
from edge.gateway.problems import Problem

Fields = Iterable[tuple[str, str]]
DRAIN_BYTES = 8 << 20
"""Of a refused upload's body, read and thrown away."""
DRAIN_S = 3.0


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


async def refuse_upload(
    scope: Scope, receive: Receive | None, send: Send, problem: Problem, request_id: str, fields: Fields = ()
) -> None:
    """A refusal of a request whose body may be large and still on its way (`receive`; None when it has ended).

    Many clients read no answer before they have written their body, and see a broken connection when it is closed on
    them; so a bounded rest of the body is read between the answer and its end.
    """
    body = problems.body(problem, request_id)
    own = (*problem_fields(problem, body), *fields)
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded(own)})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    # A client that waits for a 100 (Continue) has not begun; reading would make the server ask for the body.
    waits = any(name == b"expect" for name, _ in scope["headers"])
    if receive is not None and not waits and scope["method"] in ("POST", "PUT", "PATCH"):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await _drain(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drain(receive: Receive) -> None:
    left = DRAIN_BYTES
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        left -= len(message.get("body", b""))
