"""A request's body on its way into the object store, one block at a time.

A source gives blocks until None. `Arriving` takes them from the client, `Checked` judges them, `Spooled` holds back
what must be verified whole, `ahead.Ahead` reads on while they are stored, `Cutter` makes the parts. Nothing but `Ahead`
holds more than one block of the server's size.
"""

from __future__ import annotations

import asyncio
import errno
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import IO

from edge.asgi import Message, Receive
from edge.gateway.problems import Problem
from edge.ingest.ahead import Source
from edge.ingest.boxes import BoxWatch, Movie
from edge.ingest.checksums import Checks
from edge.ingest.hashing import digester
from edge.ingest.wire import Checksum
from origin.clips import first_bytes_fit
from origin.objects.base import StoreFull, StoreUnavailable

_SPOOL_BLOCK_BYTES = 256 << 10
_HASHED_BYTES = 1 << 20


class BodyEnded(Exception):
    """The root: the body did not end as it should."""


class ClientGone(BodyEnded):
    """The connection or stream is closed."""


class TooSlow(BodyEnded):
    """Nothing arrived within the idle timeout."""


class Interrupted(BodyEnded):
    """A newer request for the same upload took over."""


class Overrun(BodyEnded):
    """More bytes came than the upload can have."""


class NotVideo(BodyEnded):
    """The first bytes are those of no clip."""


class WrongChecksum(BodyEnded):
    """The body is not what its checksum says."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Arriving:
    """The client's bytes as the server hands them over; nothing is read ahead, so flow control reaches the client."""

    def __init__(self, receive: Receive, idle_timeout_s: float) -> None:
        self._receive = receive
        self._idle_timeout_s = idle_timeout_s
        self._waiting: asyncio.Timeout | None = None
        self._interrupted = False
        self.ended = False
        """The whole body was read, or no more will come."""
        self.trailers: dict[str, str] = {}
        """By lower-case name, once the whole body was read."""

    def interrupt(self) -> None:
        """Make the present or next `block` raise Interrupted."""
        self._interrupted = True
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def block(self) -> bytes | None:
        while not self.ended:
            message = await self._message()
            if message["type"] == "http.disconnect":
                self.ended = True
                raise ClientGone
            self.ended = not message.get("more_body", False)
            for name, value in message.get("trailers", ()):
                self.trailers[name.decode("latin-1").lower()] = value.decode("latin-1")
            if message.get("body"):
                return bytes(message["body"])
        return None

    async def _message(self) -> Message:
        if self._interrupted:
            raise Interrupted
        try:
            async with asyncio.timeout(self._idle_timeout_s) as self._waiting:
                return await self._receive()
        except TimeoutError as error:
            raise self._stopped() from error
        finally:
            self._waiting = None

    def _stopped(self) -> BodyEnded:
        return Interrupted() if self._interrupted else TooSlow()


class Unsuitable(BodyEnded):
    """The clip's own header says why it is not taken."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


Judge = Callable[[Movie], Problem | None]


class Checked:
    """Refuses every byte past the allowance and, of a clip (`judge` is given), a first byte that none has and a header
    that the judge refuses; the header is seen by `watch`, which has seen all that comes before."""

    def __init__(
        self, source: Source, offset: int, allowance: int, judge: Judge | None, watch: BoxWatch | None
    ) -> None:
        self._source = source
        self.offset = offset
        """Of the next byte."""
        self._end = offset + allowance
        self._judge = judge
        self._watch = watch

    async def block(self) -> bytes | None:
        block = await self._source.block()
        if block is None:
            return None
        if self.offset + len(block) > self._end:
            raise Overrun
        if self._judge is not None:
            self._look(block, self._judge)
        self.offset += len(block)
        return block

    def _look(self, block: bytes, judge: Judge) -> None:
        if not first_bytes_fit(self.offset, block):
            raise NotVideo
        movie = self._watch.feed(block) if self._watch is not None else None
        if movie is not None and (problem := judge(movie)):
            raise Unsuitable(problem)


class Spooled:
    """A body with a checksum: it must not count before it is verified, and a part once stored cannot be taken back, so
    it waits in a temporary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    @classmethod
    async def of(cls, source: Source, checks: Checks, trailers: Mapping[str, str]) -> Spooled:
        """Take the whole body; `trailers` are looked at behind it.

        Raises WrongChecksum, BadField for a trailer that is missing or ill-formed, BodyEnded, StoreFull,
        StoreUnavailable.
        """
        file = await asyncio.to_thread(tempfile.TemporaryFile)
        try:
            await _spool(source, file)
            await asyncio.to_thread(_verify, file, checks.all(trailers))
        except BaseException:
            file.close()
            raise
        return cls(file)

    async def block(self) -> bytes | None:
        return await asyncio.to_thread(self._file.read, _SPOOL_BLOCK_BYTES) or None

    def close(self) -> None:
        self._file.close()


async def _spool(source: Source, file: IO[bytes]) -> None:
    try:
        while (block := await source.block()) is not None:
            await asyncio.to_thread(file.write, block)
        await asyncio.to_thread(file.flush)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull("no room to hold a body back for its checksum") from error
        raise StoreUnavailable(f"a body cannot be held back for its checksum: {error.strerror}") from error


def _verify(file: IO[bytes], checksums: Sequence[Checksum]) -> None:
    """Leaves the file at its beginning. Blocks; raises WrongChecksum."""
    for checksum in checksums:
        digest = digester(checksum.algorithm)
        file.seek(0)
        while block := file.read(_HASHED_BYTES):
            digest.update(block)
        if digest.digest() != checksum.digest:
            raise WrongChecksum(checksum.field)
    file.seek(0)


class Cutter:
    """Cuts a source into parts of a bounded size."""

    def __init__(self, source: Source, part_bytes: int) -> None:
        self._source = source
        self._part_bytes = part_bytes
        self._held: bytes | None = None

    async def more(self) -> bool:
        """Is there a byte for another part? A part is begun only when there is."""
        if not self._held:
            self._held = await self._source.block()
        return self._held is not None

    async def part(self) -> AsyncIterator[bytes]:
        """The bytes of the next part."""
        room = self._part_bytes
        while room > 0 and await self.more():
            held = self._held or b""
            taken, self._held = held[:room], held[room:]
            room -= len(taken)
            yield taken
