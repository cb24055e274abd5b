"""Picks up uploads that a crash or a client left: announces what is stored, sweeps what has expired.

Several may run: every step is harmless when another one did it a moment ago.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from origin.eventlog.base import EventLogError
from origin.metadata.base import Metadata, MetadataError, NotFound
from origin.model import Upload, UploadKind, UploadState
from origin.objects.base import ObjectStoreError
from origin.refusals import Refusal
from origin.retry import Backoff
from origin.uploads import Uploads

logger = logging.getLogger(__name__)
EVERY_S = 60.0
SOON = Backoff(base_s=2, cap_s=2)
"""Between the tries to announce what is stored: a second on average, so that two origins seldom try at once."""
ANNOUNCED_KEPT_MS = 24 * 3600 * 1000
"""How long after its expiry a finished upload still answers HEAD."""
ORPHANED_AFTER_MS = 2 * 24 * 3600 * 1000
"""Twice the life of an upload: what is older and still open belongs to none."""
MOST_SWEPT = 1_000
SWEEP_EVERY_S = 3600.0
_PAGE = 200
_ERRORS = (MetadataError, ObjectStoreError, EventLogError, Refusal)


@dataclass(slots=True)
class Reconciled:
    """What one pass did."""

    announced: int = 0
    expired: int = 0
    forgotten: int = 0
    swept: int = 0
    """Multiparts, and leftovers of multiparts, that no upload knew of."""
    failed: int = 0
    """Left for the next pass."""


class Reconciler:
    """`run` never ends; cancel it."""

    def __init__(
        self, uploads: Uploads, metadata: Metadata, clock: Callable[[], int], every_s: float = EVERY_S
    ) -> None:
        self._uploads = uploads
        self._metadata = metadata
        self._clock = clock
        self._every_s = every_s

    async def run(self) -> None:
        """A thorough pass at once and every SWEEP_EVERY_S, a quick one every `every_s`; what waits for the log is
        announced once it is back."""
        clock_s = asyncio.get_running_loop().time
        thorough_at_s = clock_s()
        while True:
            try:
                thorough = clock_s() >= thorough_at_s
                done = await self.once(thorough=thorough)
                if thorough:
                    thorough_at_s = clock_s() + SWEEP_EVERY_S
                if done != Reconciled():
                    logger.info("reconciled uploads", extra={"result": str(done)})
            except _ERRORS as error:
                logger.warning("could not reconcile uploads", extra={"error": str(error)})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._announce_for_ever()

    async def _announce_for_ever(self) -> None:
        while True:
            await self._uploads.unannounced.wait()
            await asyncio.sleep(SOON.delay_s(0, random.random()))  # noqa: S311  -- jitter, nothing secret
            self._uploads.unannounced.clear()
            try:
                await self._announce(Reconciled())
            except _ERRORS as error:
                self._uploads.unannounced.set()
                logger.warning("could not announce uploads", extra={"error": str(error)})

    async def _announce(self, done: Reconciled) -> None:
        """Announce the uploads that are stored, while the log takes it."""
        async for upload in self._all(UploadState.STORED):
            # A partial upload waits there to be joined.
            if upload.terms.kind is UploadKind.PARTIAL:
                continue
            await self._finish(upload, done)
            if self._uploads.unannounced.is_set():
                return

    async def once(self, *, thorough: bool) -> Reconciled:
        """One pass. A thorough one also looks at the bytes of uploads that no client has finished, and for bytes that
        no upload knows of."""
        now_ms = self._clock()
        done = Reconciled()
        await self._announce(done)
        async for upload in self._all(UploadState.RECEIVING):
            await self._receiving(upload, done, now_ms, thorough)
        async for upload in self._all(UploadState.STORED):
            if upload.terms.kind is UploadKind.PARTIAL and upload.expires_at_ms <= now_ms:
                await self._expire(upload, done)
        async for upload in self._all(UploadState.ANNOUNCED):
            if upload.expires_at_ms + ANNOUNCED_KEPT_MS <= now_ms:
                await self._metadata.delete_upload(upload.upload_id)
                done.forgotten += 1
        if thorough:
            done.swept = await self._uploads.sweep(now_ms - ORPHANED_AFTER_MS, MOST_SWEPT)
        return done

    async def _receiving(self, upload: Upload, done: Reconciled, now_ms: int, thorough: bool) -> None:
        try:
            if thorough and await self._uploads.is_complete(upload):
                await self._finish(upload, done)
            elif upload.expires_at_ms <= now_ms:
                await self._expire(upload, done)
        except _ERRORS as error:
            self._failed(upload, done, error)

    async def _expire(self, upload: Upload, done: Reconciled) -> None:
        try:
            await self._uploads.cancel(upload.upload_id)
            done.expired += 1
        except _ERRORS as error:
            self._failed(upload, done, error)

    async def _finish(self, upload: Upload, done: Reconciled) -> None:
        try:
            await self._uploads.settle(upload.upload_id, "")
            done.announced += 1
        except EventLogError as error:
            self._uploads.unannounced.set()
            self._failed(upload, done, error)
        except NotFound:
            # Ended meanwhile, or its video was: nothing is left of it.
            done.expired += 1
        except _ERRORS as error:
            self._failed(upload, done, error)

    def _failed(self, upload: Upload, done: Reconciled, error: Exception) -> None:
        done.failed += 1
        logger.warning("an upload waits", extra={"upload_id": upload.upload_id, "error": str(error)})

    async def _all(self, state: UploadState) -> AsyncIterator[Upload]:
        after_id = 0
        while uploads := await self._metadata.uploads_in(state, after_id, _PAGE):
            for upload in uploads:
                yield upload
            after_id = uploads[-1].upload_id
