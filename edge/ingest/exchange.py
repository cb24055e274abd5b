"""One request about uploads and its way back, with what its answer needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.asgi import Scope, Send
from edge.ingest import reply
from edge.ingest.body import Arriving
from edge.ingest.model import Fields, Rules, UploadRequest
from edge.ingest.uploads import Uploads
from edge.ingest.writers import Writers


@dataclass(frozen=True, slots=True)
class Exchange:
    uploads: Uploads
    writers: Writers
    clock: Callable[[], int]
    scope: Scope
    send: Send
    body: Arriving
    request: UploadRequest
    request_id: str
    user_id: int
    """0 where nobody has said who they are."""

    async def interim(self, fields: Fields | None) -> None:
        """A 104 with these fields, to clients that take one; nothing for None."""
        await reply.interim(self.scope, self.send, fields)

    def rules(self) -> Rules:
        return Rules(self.uploads.settings.max_bytes, self.clock())


def request_of(scope: Scope) -> UploadRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    # The filter has already refused a Content-Length that is no number; it may be said twice (RFC 9110 section 8.6).
    length = headers.get("content-length", "").partition(",")[0]
    return UploadRequest(scope["method"], headers, int(length) if length else None)
