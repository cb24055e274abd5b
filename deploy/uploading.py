"""Uploads of `deploy.client`: whole, or as several pieces at once that the server joins (tus concatenation).

    client = Client("https://reelway.example", token=…)
    begun = begin(client, Path("clip.mp4"), "#sea", connections(client, size_bytes))
    send(client, begun, Path("clip.mp4"), print)

`begun.to_json()` is all that must be kept to go on in another process: `send` asks the server what it holds.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from deploy.client import TUS, ApiProblem, Client, Unreachable
from deploy.http3_transport import HTTP3

MOST_CONNECTIONS = 8
_SEVERAL = 3
_WORTH_SEVERAL_BYTES = 8 << 20
_WORTH_SEVERAL_S = 0.03
_TELL_EVERY_S = 0.2
_JOINED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `start` (inclusive) to `end` (exclusive) of the file, as an upload of their own."""

    location: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload that was begun: where it is, and the video that it will be."""

    location: str
    video_id: str
    pieces: tuple[Piece, ...]

    def to_json(self) -> dict[str, Any]:
        pieces = [[piece.location, piece.start, piece.end] for piece in self.pieces]
        return {"location": self.location, "video_id": self.video_id, "pieces": pieces}


def from_json(document: Mapping[str, Any]) -> Begun:
    """Raises KeyError, TypeError, ValueError for what `to_json` did not make."""
    pieces = tuple(Piece(str(where), int(start), int(end)) for where, start, end in document["pieces"])
    return Begun(str(document["location"]), str(document["video_id"]), pieces)


def connections(client: Client, size_bytes: int) -> int:
    """How many connections help: one fills a short way; on a long one latency and losses hold each of them back, so
    several are faster together, but over HTTP/3, which fills it with one. Measures one round trip. Raises ApiProblem,
    Unreachable."""
    if size_bytes < _WORTH_SEVERAL_BYTES:
        return 1
    client.request("OPTIONS", "/v1/uploads")
    if client.spoken == HTTP3:
        return 1
    asked_s = time.monotonic()
    client.request("OPTIONS", "/v1/uploads")
    return _SEVERAL if time.monotonic() - asked_s > _WORTH_SEVERAL_S else 1


def begin(client: Client, path: Path, description: str, connections: int = 1) -> Begun:
    """Begin an upload over that many connections, 1 to MOST_CONNECTIONS. Raises ApiProblem, Unreachable."""
    size = path.stat().st_size
    count = max(1, min(connections, MOST_CONNECTIONS, size))
    if count == 1:
        made = client.create_upload(path, description)
        return Begun(made.location, made.video_id, (Piece(made.location, 0, size),))
    cuts = [size * n // count for n in range(count + 1)]
    pieces: list[Piece] = []
    try:
        for start, end in pairwise(cuts):
            pieces.append(Piece(client.create_piece(end - start), start, end))
        made = client.create_joined([piece.location for piece in pieces], path.name, description)
    except (ApiProblem, Unreachable):
        # Left behind they would count against what the user may have unfinished.
        for piece in pieces:
            with contextlib.suppress(ApiProblem, Unreachable):
                client.request("DELETE", piece.location, headers=TUS)
        raise
    return Begun(made.location, made.video_id, tuple(pieces))


def is_there(client: Client, begun: Begun) -> bool:
    """Can it be gone on with? Raises Unreachable."""
    try:
        client.request("HEAD", begun.location, headers=TUS)
    except ApiProblem:
        return False
    return True


def send(client: Client, begun: Begun, path: Path, progress: Callable[[int], None]) -> None:
    """Send what the server does not hold yet, going on by itself after broken connections.

    `progress` is told, in this thread, the bytes that the server has acknowledged. Raises ApiProblem, Unreachable.
    """
    if len(begun.pieces) == 1:
        client.send_file(begun.location, path, progress)
        return
    if client.joined(begun.location):
        # The answer to the last byte was lost.
        progress(path.stat().st_size)
        return
    _Pieces(client, begun.pieces, path).send(progress)
    _wait_until_joined(client, begun.location)


class _Pieces:
    def __init__(self, client: Client, pieces: Sequence[Piece], path: Path) -> None:
        self._client = client
        self._pieces = pieces
        self._path = path
        self._offsets = [0] * len(pieces)
        self._stop = threading.Event()

    def send(self, progress: Callable[[int], None]) -> None:
        with ThreadPoolExecutor(len(self._pieces), thread_name_prefix="upload") as pool:
            sending = [pool.submit(self._one, number) for number in range(len(self._pieces))]
            try:
                while wait(sending, _TELL_EVERY_S, FIRST_EXCEPTION).not_done:
                    progress(sum(self._offsets))
                    if any(each.done() and each.exception() for each in sending):
                        break
            finally:
                # Also for an interrupt from the keyboard: each ends with the chunk under way.
                self._stop.set()
        failed = [error for each in sending if (error := each.exception())]
        if failed:
            # What the server refused, before what then only stopped.
            raise next((error for error in failed if isinstance(error, ApiProblem)), failed[0])
        progress(sum(self._offsets))

    def _one(self, number: int) -> None:
        piece = self._pieces[number]

        def told(offset: int) -> None:
            self._offsets[number] = offset
            if self._stop.is_set():
                raise Unreachable("stopped, as another piece failed")

        self._client.send_file(piece.location, self._path, told, span=(piece.start, piece.end))


def _wait_until_joined(client: Client, location: str) -> None:
    """The server joins the pieces with the last byte; asked, it tries again what failed for a moment."""
    give_up_s = time.monotonic() + _JOINED_WITHIN_S
    while not client.joined(location):
        if time.monotonic() > give_up_s:
            raise Unreachable("every byte is sent, but the server has not joined them yet; run the upload again")
        time.sleep(_TELL_EVERY_S)
