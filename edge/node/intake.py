"""Bodies on their way in: from upstream into a flight and the store, within limits."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from edge.cache.model import Stored
from edge.cache.recent import PurgeLog
from edge.node.flight import Flight
from edge.stats import EdgeStats
from edge.store.base import Store, StoreError, Writer
from edge.upstream.base import UpstreamBroken, UpstreamResponse

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds on what fetches may hold."""

    max_flights: int = 512
    """Fetches at a time; more are refused."""
    max_object_bytes: int = 64 * 1024 * 1024
    """A larger body passes through and is not stored."""
    max_in_flight_bytes: int = 256 * 1024 * 1024
    """Bytes held for all fetches under way; what does not fit passes through and is not stored."""


class Intake:
    """Takes bodies in. `purges` remembers what was purged lately."""

    def __init__(self, store: Store, limits: FetchLimits, stats: EdgeStats) -> None:
        self.purges = PurgeLog()
        self._store = store
        self._limits = limits
        self._stats = stats

    async def pump(
        self,
        stored: Stored,
        response: UpstreamResponse,
        flight: Flight,
        writer: Writer | None,
        purges_before: int,
    ) -> None:
        """Read a landed body to its end: into the flight, and into the store unless it was purged since the
        fetch began.
        """
        try:
            async for block in response.blocks():
                self._stats.upstream_bytes += len(block)
                if stored.length is not None and flight.size + len(block) > stored.length:
                    raise UpstreamBroken(f"more than {stored.length} bytes came")
                if flight.kept and stored.length is None and not self.set_aside(flight, len(block)):
                    flight.pass_on()
                # Readers first: the disk must not delay them.
                await flight.feed(block)
                if writer is not None:
                    writer = await self._write(writer, block, keep=flight.kept, key=stored.key)
            if stored.length is not None and flight.size != stored.length and stored.status not in (204, 304):
                raise UpstreamBroken(f"{flight.size} of {stored.length} bytes came")
            if writer is not None and not self.purges.since(purges_before, stored.key, stored.tags):
                finished, writer = writer, None
                await self._commit(finished, replace(stored, length=flight.size), purges_before)
            flight.finish()
        finally:
            if writer is not None:
                await writer.abort()

    async def _write(self, writer: Writer, block: bytes, *, keep: bool, key: str) -> Writer | None:
        if keep:
            try:
                await writer.write(block)
            except StoreError:
                self.note_store_error(key)
            else:
                return writer
        await writer.abort()
        return None

    async def open_writer(self, key: str) -> Writer | None:
        """A writer, or None when the store fails: then the body is not stored."""
        try:
            return await self._store.writer()
        except StoreError:
            self.note_store_error(key)
            return None

    async def _commit(self, writer: Writer, stored: Stored, purges_before: int) -> None:
        try:
            if await writer.commit(stored) is not None:
                self._stats.stored += 1
            # A purge may have come while the store was at work.
            if self.purges.since(purges_before, stored.key, stored.tags):
                await self._store.remove(stored.key, stored.variant)
        except StoreError:
            self.note_store_error(stored.key)
            await writer.abort()

    def set_aside(self, flight: Flight, size: int) -> bool:
        """Hold so many more bytes for a flight, if the limits allow it."""
        limits, stats = self._limits, self._stats
        if flight.size + size > limits.max_object_bytes or stats.in_flight_bytes + size > limits.max_in_flight_bytes:
            return False
        stats.in_flight_bytes += size
        flight.hold(size)
        return True

    def release(self, size: int) -> None:
        """So many held bytes are free again."""
        self._stats.in_flight_bytes -= size

    def note_store_error(self, key: str) -> None:
        """Count and log the failure that is being handled."""
        self._stats.store_errors += 1
        logger.exception("the cache store failed", extra={"key": key})
