"""How parts of any size live in a store that refuses small ones. Rules file.

S3 takes no part below 5 MiB but the last. So a part that reaches 5 MiB together with the run of smaller ones right
before it is sent as a part of S3; a smaller one waits as an object of its own, a *piece*, under a private prefix.
S3's part number says which it was: 2n for part n alone, 2n + 1 when it *absorbed* the run before it. Pieces stay until
the multipart ends, so S3's list of parts and the list of pieces are the whole truth after a crash at any point:

- part 10,000 of S3 is the tail of a completion that did not end; its pieces are there, so it does not count;
- of part n in both forms the part of S3 counts, unless the piece was put after it, which its name then says;
- a part of S3 with an odd number stands for the pieces between the part of S3 before it and itself.

S3 counts to 10,000, so the highest number of a part is 4,999, small parts included. Parts carry Content-MD5 and none of
S3's additional checksums, because with those it wants numbers without gaps (API reference, CompletedPart).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from origin.objects.base import NoSuchObject, ObjectStoreError, Part, TooManyParts
from origin.objects.keys import multipart_id, split_multipart_id

LEAST_SENT_BYTES = 5 << 20
MOST_S3_NUMBER = 10_000
TAIL_S3_NUMBER = MOST_S3_NUMBER
MOST_NUMBER = (TAIL_S3_NUMBER - 1) // 2
PRIVATE = "!parts/"
PROBES = "!probe/"
AFTER_PRIVATE = "!~"
"""No key can begin with `!`, and what does sorts before all that can be keys."""
_OURS, _DIRECT = "p", "d"
_PIECE = re.compile(r"(\d{6})(r?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Upload:
    """What a multipart's id says."""

    key: str
    token: str
    """Kept in the object's metadata: whose completion made it."""
    upload_id: str
    """S3's own."""
    direct: bool = False
    """Clients send its parts: S3's numbers are the parts' own, and there are no pieces."""

    @property
    def identifier(self) -> str:
        kind = _DIRECT if self.direct else _OURS
        encoded = base64.urlsafe_b64encode(f"{kind}{self.upload_id}".encode()).decode().rstrip("=")
        return f"{multipart_id(self.token, self.key)}.{encoded}"

    @property
    def folder(self) -> str:
        """Where its pieces wait."""
        return folder_of(self.upload_id)


def upload_of(identifier: str, *, direct: bool | None = False) -> Upload:
    """Raises NoSuchObject for what is no id of this store, or of the other kind (`direct` None: either)."""
    head, _, encoded = identifier.rpartition(".")
    token, key = split_multipart_id(head)
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise NoSuchObject(f"{identifier[:64]!r} is not a multipart id") from error
    kind, upload_id = text[:1], text[1:]
    kinds = {False: _OURS, True: _DIRECT, None: _OURS + _DIRECT}[direct]
    if not kind or kind not in kinds or not upload_id.isprintable() or not upload_id:
        raise NoSuchObject(f"{identifier[:64]!r} is not an id of such a multipart")
    return Upload(key, token, upload_id, kind == _DIRECT)


def folder_of(upload_id: str) -> str:
    """The prefix of a multipart's pieces; found from S3's list of multiparts alone."""
    return f"{PRIVATE}{hashlib.sha256(upload_id.encode()).hexdigest()[:32]}/"


@dataclass(frozen=True, slots=True)
class Piece:
    number: int
    size_bytes: int
    etag: str
    replaces: bool = False
    """It was put after a part of S3 with this number."""

    @property
    def name(self) -> str:
        return f"{self.number:06}{'r' * self.replaces}"


def piece_of(name: str, size_bytes: int, etag: str) -> Piece | None:
    """None for a name that no piece has."""
    match = _PIECE.fullmatch(name)
    return Piece(int(match[1]), size_bytes, etag, bool(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Sent:
    """A part as S3 has it."""

    s3_number: int
    size_bytes: int
    etag: str

    @property
    def number(self) -> int:
        return self.s3_number // 2

    @property
    def absorbed(self) -> bool:
        return bool(self.s3_number % 2)


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a part goes, by its size."""

    before: tuple[Piece, ...]
    """The run that it absorbs when it is sent."""
    before_bytes: int
    s3_number: int
    piece: str
    """The name of the piece when it is not sent."""
    outdated: str | None
    """A piece that must go once the part is sent, because it would count instead."""

    def is_sent(self, size_bytes: int) -> bool:
        return self.before_bytes + size_bytes >= LEAST_SENT_BYTES


@dataclass(frozen=True, slots=True)
class Held:
    """What counts of a multipart, in the order of numbers; absorbed pieces included."""

    rows: tuple[Sent | Piece, ...]

    @property
    def sent(self) -> tuple[Sent, ...]:
        return tuple(row for row in self.rows if isinstance(row, Sent))

    @property
    def tail(self) -> tuple[Piece, ...]:
        """The pieces behind the last part of S3."""
        return self._run(MOST_S3_NUMBER)

    def parts(self) -> list[Part]:
        """As the port tells them: absorbed pieces are within the part that absorbed them."""
        parts: list[Part] = []
        run: list[Part] = []
        for row in self.rows:
            part = Part(row.number, row.size_bytes, row.etag)
            if isinstance(row, Piece):
                run.append(part)
                continue
            parts += [part] if row.absorbed else [*run, part]
            run = []
        return parts + run

    def slot(self, number: int) -> Slot:
        """Raises ValueError and TooManyParts."""
        if number > MOST_NUMBER:
            raise TooManyParts(f"a multipart of this store has part numbers up to {MOST_NUMBER}, not {number}")
        last = self.rows[-1] if self.rows else None
        if number < 1 or (last is not None and number < last.number):
            raise ValueError(f"part {number} is put after part {last.number if last else 0}: numbers ascend from 1")
        again = last if last is not None and last.number == number else None
        before = self._run(number)
        return Slot(
            before=before,
            before_bytes=sum(piece.size_bytes for piece in before),
            s3_number=2 * number + bool(before),
            piece=again.name if isinstance(again, Piece) else Piece(number, 0, "", replaces=again is not None).name,
            outdated=again.name if isinstance(again, Piece) and again.replaces else None,
        )

    def refuse_other(self, given: Sequence[Part], key: str) -> None:
        """Raise NoSuchObject unless the parts given are what is held, ObjectStoreError when that cannot be joined."""
        numbers = [part.number for part in given]
        if numbers != sorted(set(numbers)):
            raise ValueError(f"the parts of {key} are not given in ascending order")
        parts = self.parts()
        beyond = [part.number for part in given if not parts or part.number > parts[-1].number]
        if beyond:
            raise NoSuchObject(f"part {beyond[0]} of {key} is not there")
        below = 0
        for part in parts:
            size_bytes = sum(g.size_bytes for g in given if below < g.number <= part.number)
            if size_bytes != part.size_bytes:
                raise NoSuchObject(f"up to part {part.number} of {key} there are {part.size_bytes} B, not {size_bytes}")
            below = part.number
        if len(parts) != len(self.sent) + len(self.tail):
            raise ObjectStoreError(f"a small part of {key} was put after a later one and cannot be joined")

    def _run(self, number: int) -> tuple[Piece, ...]:
        """The pieces right before a number, back to the last part of S3."""
        below = max((row.number for row in self.sent if row.number < number), default=0)
        return tuple(row for row in self.rows if isinstance(row, Piece) and below < row.number < number)


def held(sent: Iterable[Sent], pieces: Iterable[Piece]) -> Held:
    """What counts of all that the store has."""
    rows: dict[int, Sent | Piece] = {}
    for part in sorted(sent, key=lambda part: part.s3_number):
        if part.s3_number != TAIL_S3_NUMBER:
            rows[part.number] = part
    for piece in sorted(pieces, key=lambda piece: piece.name):
        if piece.replaces or not isinstance(rows.get(piece.number), Sent):
            rows[piece.number] = piece
    return Held(tuple(rows[number] for number in sorted(rows)))
