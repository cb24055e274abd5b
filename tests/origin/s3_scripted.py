"""A server of S3's bucket configurations: it gives back the documents that were put, or says that there is none.

The real servers of the tests have no lifecycle rules and no API for replication; AWS has.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

NONE_YET = {
    "cors": "NoSuchCORSConfiguration",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "replication": "ReplicationConfigurationNotFoundError",
    "list-type": "NoSuchBucket",
}
EMPTY = {"versioning": b"<VersioningConfiguration/>"}


class ScriptedS3:
    """All buckets, in memory."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], bytes] = {}
        """By bucket and the name of the configuration."""
        self.refused: set[str] = set()
        """Configurations whose documents are taken for ill-formed."""
        self.endpoint = ""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            method, target, _ = head[0].split(" ")
            status, answer = self._answer(method, target, body)
            writer.write(f"HTTP/1.1 {status} -\r\ncontent-length: {len(answer)}\r\nconnection: close\r\n\r\n".encode())
            writer.write(answer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(target)
        bucket = parts.path.strip("/").split("/")[0]
        named = dict(parse_qsl(parts.query, keep_blank_values=True))
        kind = next((kind for kind in (*NONE_YET, *EMPTY) if kind in named), "list-type")
        if method == "PUT" and kind in self.refused:
            return 400, b"<Error><Code>InvalidArgument</Code></Error>"
        if method == "PUT":
            self.documents[bucket, kind] = body or b"<ListBucketResult/>"
            return 200, b""
        document = self.documents.get((bucket, kind), EMPTY.get(kind))
        if document is None:
            return 404, f"<Error><Code>{NONE_YET[kind]}</Code></Error>".encode()
        return 200, document


@contextlib.asynccontextmanager
async def scripted_s3() -> AsyncIterator[ScriptedS3]:
    scripted = ScriptedS3()
    server = await asyncio.start_server(scripted.connected, "127.0.0.1", 0)
    scripted.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        await server.wait_closed()
