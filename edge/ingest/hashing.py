"""Digests by their names in both protocols. Rules file."""

from __future__ import annotations

import hashlib
from typing import Protocol

from edge.ingest.crc32c import Crc32c


class Digester(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


def digester(algorithm: str) -> Digester:
    """For the algorithms of `wire.DIGEST_BYTES` and of RFC 9530 that are known here."""
    if algorithm == "crc32c":
        return Crc32c()
    return hashlib.new(algorithm.replace("sha-", "sha"), usedforsecurity=False)
