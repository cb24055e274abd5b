"""Moderation by a service of the operator's own, asked over HTTP. See `hook` for what is said."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

import httpx

from origin.retry import Backoff
from origin.webhooks.signature import signed
from packager.moderation.base import Evidence, ModerationUnavailable, Verdict
from packager.moderation.hook import MOST_ANSWER_BYTES, Hook, NoVerdict, body_of, read_verdict

logger = logging.getLogger(__name__)
ATTEMPTS = 4
ATTEMPT_S = 15.0
PAUSES = Backoff(base_s=0.5, cap_s=8.0)
_TIMEOUTS = httpx.Timeout(10.0, connect=3.0)
_AGAIN = frozenset({408, 425, 429})


class _TryAgain(Exception):
    """This attempt found nobody who could answer."""


class WebhookModeration:
    """`clock` gives epoch milliseconds; `backoff` is for the pauses between attempts."""

    def __init__(self, hook: Hook, clock: Callable[[], int], backoff: Backoff = PAUSES) -> None:
        self._hook = hook
        self._name = f"the moderation webhook {hook.url}"
        self._clock = clock
        self._backoff = backoff
        # No redirects: the clip goes to the address that the operator named and to no other.
        self._client = httpx.AsyncClient(timeout=_TIMEOUTS, follow_redirects=False, trust_env=False)

    async def judge(self, evidence: Evidence) -> Verdict:
        """Raises ModerationUnavailable once the attempts are used up, or at an answer that no attempt would better."""
        try:
            frames = await asyncio.to_thread(lambda: [frame.read_bytes() for frame in evidence.frames])
        except OSError as error:
            raise ModerationUnavailable(f"a frame cannot be read: {error}") from error
        body, last = body_of(evidence, frames), ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(self._backoff.delay_s(attempt - 1, random.random()))  # noqa: S311 -- spreads load
            try:
                async with asyncio.timeout(ATTEMPT_S):
                    return await self._ask(f"moderation-{evidence.video_id}", body)
            except (_TryAgain, httpx.TransportError, TimeoutError) as error:
                last = str(error) or type(error).__name__
                logger.warning("the moderation webhook did not answer", extra={"url": self._hook.url, "error": last})
        raise ModerationUnavailable(f"{self._name} did not answer: {last}")

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, delivery: str, body: bytes) -> Verdict:
        headers = signed([self._hook.secret], delivery, self._clock() // 1000, body)
        async with self._client.stream("POST", self._hook.url, content=body, headers=headers) as response:
            status = response.status_code
            if status >= 500 or status in _AGAIN:
                raise _TryAgain(f"status {status}")
            if status != 200:
                raise ModerationUnavailable(f"{self._name} refused the clip: status {status}")
            answer = b""
            async for block in response.aiter_bytes():
                answer += block
                if len(answer) > MOST_ANSWER_BYTES:
                    raise ModerationUnavailable(f"{self._name} answered too much")
        try:
            return read_verdict(answer)
        except NoVerdict as error:
            raise ModerationUnavailable(f"{self._name}: {error}") from error
