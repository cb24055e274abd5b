"""A leased worker number and the ids minted under it.

No id is minted beyond the lease, as both the wall clock and the monotonic clock tell it: a wall clock that was set back
would otherwise make a lease look longer than the store means it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from origin.ids import NoIds, Snowflake, since_epoch
from origin.metadata.base import Metadata, MetadataError

logger = logging.getLogger(__name__)
LEASE_MS = 60_000
_RENEWALS_PER_LEASE = 4


@dataclass(frozen=True, slots=True)
class _Lease:
    ids: Snowflake
    ends_at_ms: int
    ends_at_s: float
    """Of the monotonic clock."""


class LeasedIds:
    """Make one with `lease_ids`, keep `run` running, and call `mint`; one event loop only."""

    def __init__(self, metadata: Metadata, owner: str, clock: Callable[[], int], lease_ms: int) -> None:
        self._metadata = metadata
        self._owner = owner
        self._clock = clock
        self._lease_ms = lease_ms
        self._lease: _Lease | None = None

    @property
    def worker(self) -> int | None:
        """The number held; None while there is none."""
        return self._lease.ids.worker if self._lease else None

    def mint(self) -> int:
        """A new id. Raises NoIds, and ClockBehindEpoch."""
        lease, now_ms = self._lease, self._clock()
        if lease is None or now_ms >= lease.ends_at_ms or time.monotonic() >= lease.ends_at_s:
            raise NoIds("the lease of the worker number ended before it was renewed")
        return lease.ids.mint(now_ms)

    async def lease(self) -> None:
        """Take a number. Raises NoWorkerNumber and MetadataUnavailable."""
        began_s, now_ms = time.monotonic(), self._clock()
        number = await self._metadata.lease_worker(self._owner, now_ms, self._lease_ms)
        self._hold(Snowflake(number), now_ms, began_s)
        logger.info("leased a worker number", extra={"worker": number})

    async def run(self) -> None:
        """Renew the lease for ever; after a loss take another number. Cancel it."""
        while True:
            await asyncio.sleep(self._lease_ms / 1000 / _RENEWALS_PER_LEASE)
            try:
                await self.renew()
            except MetadataError as error:
                logger.warning("could not renew the worker number", extra={"error": str(error)})

    async def renew(self) -> None:
        """Renew once, or take another number when the lease was lost. Raises MetadataError."""
        lease = self._lease
        if lease is None:
            await self.lease()
            return
        began_s, now_ms = time.monotonic(), self._clock()
        if await self._metadata.renew_worker(lease.ids.worker, self._owner, now_ms, self._lease_ms):
            self._hold(lease.ids, now_ms, began_s)
            return
        logger.warning("lost the worker number", extra={"worker": lease.ids.worker})
        self._lease = None
        await self.lease()

    def _hold(self, ids: Snowflake, now_ms: int, began_s: float) -> None:
        # Counted from before the store was asked: its lease ends no earlier than ours.
        self._lease = _Lease(ids, now_ms + self._lease_ms, began_s + self._lease_ms / 1000)

    async def close(self) -> None:
        """Give the number back; nothing is minted any more. Where the store is away, the lease ends by itself."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            await self._metadata.release_worker(lease.ids.worker, self._owner)
        except MetadataError as error:
            logger.warning("could not give the worker number back", extra={"error": str(error)})


async def lease_ids(metadata: Metadata, owner: str, clock: Callable[[], int], lease_ms: int = LEASE_MS) -> LeasedIds:
    """Lease a worker number for `owner`, a name that no other process has.

    Raises NoWorkerNumber, MetadataUnavailable and ClockBehindEpoch.
    """
    since_epoch(clock())
    ids = LeasedIds(metadata, owner, clock, lease_ms)
    await ids.lease()
    return ids
