"""Steps at the log and the metadata that are repeated until they are done. Shell."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from origin.eventlog.base import EventLogError
from origin.ids import NoIds
from origin.metadata.base import MetadataError, NotFound
from origin.retry import Backoff
from origin.retrying import surely
from origin.webhooks.stats import WebhookStats

logger = logging.getLogger(__name__)
R = TypeVar("R")
_BACKOFF = Backoff(base_s=0.2, cap_s=10)


@dataclass(frozen=True, slots=True)
class Patience:
    """`chance` gives a random number in [0, 1) for backoff."""

    stats: WebhookStats
    chance: Callable[[], float]

    async def surely(self, step: Callable[[], Awaitable[R]]) -> R:
        """What the step gives, however long its store is away. Raises NotFound."""

        async def asked() -> R | NotFound:
            try:
                return await step()
            except NotFound as error:
                return error

        found = await surely(asked, (MetadataError, EventLogError, NoIds), _BACKOFF, self.chance, self._failed)
        if isinstance(found, NotFound):
            raise found
        return found

    def _failed(self, error: Exception, _attempt: int) -> None:
        self.stats.retries += 1
        logger.warning("a webhook's message waits", extra={"error": str(error)})
