"""Playback URLs for the gateway: signs without waiting, with a ring of keys that is read again behind its back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from signer.keys import KeyRing, KeyStore, KeyStoreError
from signer.playback import PlaybackSigner

logger = logging.getLogger(__name__)
REFRESH_S = 1.0
REMEMBERED_TOKENS = 20_000


class PlaybackUrls:
    """Gives `(url, expires_at_ms)` for a video's file; `refresh_forever` follows rotations and revocations."""

    def __init__(self, keys: KeyStore, media_url: str, clock: Callable[[], int], ring: KeyRing) -> None:
        self._keys, self._media_url, self._clock = keys, media_url, clock
        self._signer = PlaybackSigner(ring)
        self._tokens: dict[tuple[int, bool], tuple[str, int]] = {}

    def __call__(self, video_id: int, name: str, *, private: bool) -> tuple[str, int]:
        now_ms = self._clock()
        known = self._tokens.get((video_id, private))
        if known is None or known[1] != self._signer.expires_at_ms(video_id, now_ms):
            known = self._sign(video_id, now_ms, private)
        return f"{self._media_url}/p/{known[0]}/v/{video_id}/{name}", known[1]

    async def refresh_forever(self) -> None:
        """Read the ring again every REFRESH_S; an unreadable one keeps the last."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                ring = await self._keys.ring()
            except KeyStoreError:
                logger.exception("the signing keys cannot be read; the last ones stay in use")
                continue
            if ring != self._signer.ring:
                self._signer = PlaybackSigner(ring)
                self._tokens.clear()

    def _sign(self, video_id: int, now_ms: int, private: bool) -> tuple[str, int]:
        if len(self._tokens) >= REMEMBERED_TOKENS:
            self._tokens.clear()
        signed = self._tokens[video_id, private] = self._signer.token(video_id, now_ms, private=private)
        return signed
