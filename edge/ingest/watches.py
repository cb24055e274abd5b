"""What earlier requests of an upload have shown of its header, so that it is judged also when it comes in pieces."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from edge.ingest.boxes import BoxWatch

MOST_UPLOADS = 4096
MOST_BYTES = 8 << 20
"""Of headers that have arrived in part. Who is pushed out is judged by packaging alone."""


@dataclass(frozen=True, slots=True)
class _Kept:
    offset: int
    watch: BoxWatch
    held_bytes: int


class Watches:
    """One gateway's, between the requests of its uploads. An upload that goes on at another gateway is judged there
    only by what follows from its first byte, and by packaging."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._held_bytes = 0

    def take(self, upload_id: int, offset: int) -> BoxWatch | None:
        """The watch that is to see the bytes from `offset` on; None where those before it were not seen here."""
        kept = self._drop(upload_id)
        if offset == 0:
            return BoxWatch()
        return kept.watch if kept is not None and kept.offset == offset else None

    def keep(self, upload_id: int, offset: int, watch: BoxWatch) -> None:
        """For the next request, which may begin at `offset`: what the watch has seen ends there."""
        if watch.over:
            return
        kept = _Kept(offset, watch, watch.held_bytes)
        self._kept[upload_id] = kept
        self._held_bytes += kept.held_bytes
        while len(self._kept) > MOST_UPLOADS or self._held_bytes > MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, upload_id: int) -> _Kept | None:
        kept = self._kept.pop(upload_id, None)
        if kept is not None:
            self._held_bytes -= kept.held_bytes
        return kept
