"""Signed playback URLs that stay the same for a while, so that a browser's cache hits across feed pages.

Rules only.

Time is cut into windows of `window_ms` (2 h), shifted for each video so that a feed's URLs do not all change
at one instant. Every URL of a video made within one window is the same text and expires `reserve_ms` (2 h)
after the window ends. Hence a URL

- is handed out unchanged for a whole window (2 h, far above the 10 minutes that a feed session needs),
- always has more than `reserve_ms` left when it is handed out, and never more than window + reserve (4 h).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from signer.keys.base import KeyRing
from signer.token import Claims, path_prefix, sign

WINDOW_MS = 2 * 3_600_000
RESERVE_MS = 2 * 3_600_000
_CTI_BYTES = 8


@dataclass(frozen=True, slots=True)
class PlaybackSigner:
    """Signs for one ring of keys.

    Cheap to make: take a new one with `await keys.ring()` for every page or request.
    """

    ring: KeyRing
    window_ms: int = WINDOW_MS
    reserve_ms: int = RESERVE_MS

    def token(self, video_id: int, now_ms: int, *, private: bool = False) -> tuple[str, int]:
        """A token for everything under `/v/{video_id}/` and the time it expires (epoch ms).

        `private`: for the creator of a private video; the tokens that others got before do not open it. Raises
        NoSigningKey.
        """
        exp_s = self.expires_at_ms(video_id, now_ms) // 1000
        key = self.ring.signing_key(now_ms)
        claims = Claims(
            path_prefix=path_prefix(video_id),
            exp_s=exp_s,
            iat_s=exp_s - (self.window_ms + self.reserve_ms) // 1000,
            cti=hashlib.sha256(f"{key.kid}/{video_id}/{exp_s}{'/private' * private}".encode()).digest()[:_CTI_BYTES],
            private=private,
        )
        return sign(claims, key), exp_s * 1000

    def url(self, media_url: str, video_id: int, name: str, now_ms: int) -> tuple[str, int]:
        """`{media_url}/p/{token}/v/{video_id}/{name}` and the time it expires (epoch ms).

        Raises NoSigningKey.
        """
        token, expires_at_ms = self.token(video_id, now_ms)
        return f"{media_url.rstrip('/')}/p/{token}{path_prefix(video_id)}{name}", expires_at_ms

    def expires_at_ms(self, video_id: int, now_ms: int) -> int:
        """When a URL of this video made now expires (epoch ms, a whole second)."""
        seconds = self.window_ms // 1000
        # Fibonacci hashing: the high half of the product spreads neighbouring ids over the window.
        shift_s = (video_id * 0x9E3779B97F4A7C15 % 2**64 >> 32) % seconds
        window_end_s = ((now_ms // 1000 + shift_s) // seconds + 1) * seconds - shift_s
        return (window_end_s + self.reserve_ms // 1000) * 1000
