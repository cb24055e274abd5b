"""Answers of the ingest on the wire: reports, problems and interim responses."""

from __future__ import annotations

import asyncio
import contextlib
import json

from edge.gateway import problems
from edge.gateway.asgi import Fields, Scope, Send, encoded, problem_fields, send_whole
from edge.gateway.problems import Problem
from edge.ingest.body import Arriving, BodyEnded
from edge.ingest.model import Report
from edge.ingest.rufh import INTERIM_STATUS
from edge.ingest.settings import IngestSettings

_INFORMATIONAL = "http.response.informational"
"""An ASGI extension of ours: the HTTP/3 front and the HTTP/1.1 and 2 servers that offer it can send any 1xx."""


async def report(send: Send, answer: Report) -> None:
    if answer.body is None:
        length = () if answer.status == 204 else (("Content-Length", "0"),)
        await send_whole(send, answer.status, (*answer.fields, *length))
        return
    body = json.dumps(answer.body, separators=(",", ":")).encode()
    fields = (*answer.fields, ("Content-Type", "application/json"), ("Content-Length", str(len(body))))
    await send_whole(send, answer.status, fields, body)


async def interim(scope: Scope, send: Send, fields: Fields | None) -> None:
    """A 104, where the client wants one (`fields`) and the server can send it."""
    if fields is None or _INFORMATIONAL not in (scope.get("extensions") or {}):
        return
    await send({"type": _INFORMATIONAL, "status": INTERIM_STATUS, "headers": encoded(fields)})


async def problem(
    scope: Scope,
    send: Send,
    body: Arriving,
    settings: IngestSettings,
    refused: Problem,
    fields: Fields,
    request_id: str,
) -> None:
    """A refusal. Many clients read no answer before they have written their body, and see a broken connection when it
    is closed on them; so a bounded rest of the body is read between the answer and its end."""
    content = b"" if scope["method"] == "HEAD" else problems.body(refused, request_id)
    own = [(name, value) for name, value in problem_fields(refused, content) if content or "Content-" not in name]
    await send({"type": "http.response.start", "status": refused.status, "headers": encoded((*own, *fields))})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    # A client that waits for a 100 (Continue) has not begun; reading would make the server ask for the body.
    waits = any(name == b"expect" for name, _ in scope["headers"])
    if not waits and scope["method"] not in ("HEAD", "OPTIONS", "GET", "DELETE"):
        with contextlib.suppress(BodyEnded, TimeoutError):
            async with asyncio.timeout(settings.drain_s):
                await body.drain(settings.drain_bytes)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
