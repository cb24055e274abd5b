"""Answers of the ingest on the wire: reports and interim responses."""

from __future__ import annotations

import json

from edge.asgi import Scope, Send
from edge.gateway.asgi import Fields, encoded, send_whole
from edge.ingest.model import Report
from edge.ingest.rufh import INTERIM_STATUS

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
