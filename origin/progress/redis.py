"""Notes on packaging in Redis (or Valkey): a short JSON text `packaging:{video_id}` each, with a time to live.

A breaker sees to it that a dead or frozen server does not cost every report and every view the time limit.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from origin.breaker import Breaker, BreakerSettings
from origin.progress.base import TTL_S, Packaging, RungProgress, Stage
from origin.speed.base import SpeedError
from origin.speed.clients import Command, command, open_client

logger = logging.getLogger(__name__)
TIMEOUT_S = 0.1
CONNECTIONS = 16
BREAKER = BreakerSettings(failures=1)


class RedisProgress:
    def __init__(self, url: str, clock: Callable[[], int]) -> None:
        self._client = open_client(url, CONNECTIONS, TIMEOUT_S)
        self._clock = clock
        self._breaker = Breaker(BREAKER)

    async def note(self, video_id: int, packaging: Packaging) -> None:
        await self._run([command("SET", _key(video_id), _text(packaging), "EX", TTL_S)])

    async def noted(self, video_ids: Sequence[int]) -> Mapping[int, Packaging]:
        texts = await self._run([command("GET", _key(video_id)) for video_id in video_ids])
        found = ((video_id, _packaging(text)) for video_id, text in zip(video_ids, texts, strict=False))
        return {video_id: packaging for video_id, packaging in found if packaging is not None}

    async def forget(self, video_id: int) -> None:
        await self._run([command("DEL", _key(video_id))])

    async def close(self) -> None:
        await self._client.close()

    async def _run(self, commands: Sequence[Command]) -> Sequence[Any]:
        """The answers; none while the server does not answer."""
        if not commands or not self._breaker.admits(self._clock()):
            return ()
        try:
            answers = await self._client.run(commands, TIMEOUT_S)
        except SpeedError as error:
            self._breaker.ended(False, self._clock())
            logger.debug("only the total progress is told", extra={"error": str(error)})
            return ()
        self._breaker.ended(True, self._clock())
        return answers


def _key(video_id: int) -> str:
    return f"packaging:{video_id}"


def _text(packaging: Packaging) -> str:
    rungs = [[rung.height, round(rung.progress, 3), rung.published] for rung in packaging.rungs]
    return json.dumps({"stage": packaging.stage.value, "rungs": rungs}, separators=(",", ":"))


def _packaging(text: bytes | None) -> Packaging | None:
    """None for no note, and for one that another version wrote."""
    if text is None:
        return None
    try:
        document = json.loads(text)
        rungs = tuple(RungProgress(int(height), float(done), bool(out)) for height, done, out in document["rungs"])
        return Packaging(Stage(document["stage"]), rungs)
    except (ValueError, KeyError, TypeError):
        return None
