"""CRC-32C (Castagnoli; RFC 3720 appendix B.4) of whole byte strings. Rules file.

Python has no fast one, so many pieces of the bytes are taken through the table side by side, and their remainders are
then joined two by two: a CRC is linear, and zeros behind a piece move its remainder by a linear map, which is kept
as four tables, one for each byte of the remainder.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78
_PIECE_BYTES = 256
_ALL = np.uint32(0xFFFFFFFF)
Numbers = np.ndarray[Any, np.dtype[np.uint32]]


def of(data: bytes) -> bytes:
    """Four bytes, most significant first. Memory: four times the data; take it in pieces with `Crc32c`."""
    crc = Crc32c()
    crc.update(data)
    return crc.digest()


class Crc32c:
    """Like an object of hashlib."""

    def __init__(self) -> None:
        self._register = int(_ALL)

    def update(self, data: bytes) -> None:
        pieces, rest = divmod(len(data), _PIECE_BYTES)
        if pieces:
            whole = np.frombuffer(data, np.uint8, pieces * _PIECE_BYTES).reshape(pieces, _PIECE_BYTES)
            self._register = _moved(self._register, pieces * _PIECE_BYTES) ^ _joined(_side_by_side(whole))
        table = _table()
        for byte in data[len(data) - rest :]:
            self._register = int(table[(self._register ^ byte) & 0xFF]) ^ (self._register >> 8)

    def digest(self) -> bytes:
        return (self._register ^ int(_ALL)).to_bytes(4, "big")


@cache
def _table() -> Numbers:
    values: Numbers = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = (values >> np.uint32(1)) ^ (values & np.uint32(1)) * np.uint32(_POLYNOMIAL)
    return values


def _side_by_side(pieces: Any) -> Numbers:
    """The remainder of each piece, from a register of zeros."""
    table = _table()
    registers: Numbers = np.zeros(len(pieces), np.uint32)
    for column in np.ascontiguousarray(pieces.T):
        registers = table[(registers ^ column) & 0xFF] ^ (registers >> np.uint32(8))
    return registers


def _joined(remainders: Numbers) -> int:
    """The remainder of all pieces after one another."""
    doublings = 0
    while len(remainders) > 1:
        if len(remainders) % 2:
            # A piece of zeros in front changes nothing.
            remainders = np.concatenate([np.zeros(1, np.uint32), remainders])
        remainders = _apply(_zeros(doublings), remainders[0::2]) ^ remainders[1::2]
        doublings += 1
    return int(remainders[0])


def _moved(register: int, size_bytes: int) -> int:
    """A register after so many zeros, a multiple of a piece."""
    value = np.array([register], np.uint32)
    pieces, doublings = size_bytes // _PIECE_BYTES, 0
    while pieces:
        if pieces & 1:
            value = _apply(_zeros(doublings), value)
        pieces, doublings = pieces >> 1, doublings + 1
    return int(value[0])


def _apply(tables: Numbers, registers: Numbers) -> Numbers:
    moved: Numbers = tables[0][registers & 0xFF]
    for place in range(1, 4):
        moved = moved ^ tables[place][(registers >> (8 * place)) & 0xFF]
    return moved


@cache
def _zeros(doublings: int) -> Numbers:
    """What 2^doublings pieces of zeros do to each byte of a register."""
    if doublings:
        half = _zeros(doublings - 1)
        return np.array([_apply(half, row) for row in half], np.uint32)
    table = _table()
    registers: Numbers = np.arange(256, dtype=np.uint32) << (8 * np.arange(4, dtype=np.uint32)[:, None])
    for _ in range(_PIECE_BYTES):
        registers = table[registers & 0xFF] ^ (registers >> 8)
    return registers
