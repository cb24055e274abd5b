"""A webhook's receiver on a real socket, which answers as scripted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext


@dataclass
class Receiver:
    """Gives one answer a request, the last for ever. None says nothing; `endless` goes on with its body for ever."""

    answers: list[bytes | None]
    endless: bool = False
    port: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """A sender hung up."""
    waiting: list[asyncio.StreamWriter] = field(default_factory=list)
    """Those to whom nothing was said yet."""

    def answer_waiting(self, answer: bytes) -> None:
        for writer in self.waiting:
            writer.write(answer)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line, *head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = {each.split(": ", 1)[0].lower(): each.split(": ", 1)[1] for each in head if each}
            self.requests.append((line, fields, await reader.readexactly(int(fields["content-length"]))))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                self.waiting.append(writer)
            else:
                writer.write(answer)
                await writer.drain()
            while self.endless:
                writer.write(bytes(65536))
                await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.left.set()
            writer.close()


def answered(status: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "content-length: 0", *fields, "", ""]).encode()


@asynccontextmanager
async def receiving(
    *answers: bytes | None, endless: bool = False, tls: SSLContext | None = None
) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(answers), endless)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
