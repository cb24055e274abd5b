"""The keys port: `open_keys(url)` and the words of its contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from signer.keys.base import (
    DEFAULT_OVERLAP_MS,
    REFRESH_S,
    SIGNING_DELAY_MS,
    KeyRing,
    KeyState,
    KeyStore,
    KeyStoreError,
    NoSigningKey,
    SigningKey,
)
from signer.keys.files import FileKeyStore

__all__ = [
    "DEFAULT_OVERLAP_MS",
    "REFRESH_S",
    "SIGNING_DELAY_MS",
    "KeyRing",
    "KeyState",
    "KeyStore",
    "KeyStoreError",
    "NoSigningKey",
    "SigningKey",
    "open_keys",
]


def open_keys(url: str, clock: Callable[[], int]) -> KeyStore:
    """Open `file:///absolute/path/keys.json`.

    Raises ValueError for any other form. `clock` gives epoch milliseconds.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return FileKeyStore(Path(unquote(parts.path)), clock)
    raise ValueError(f"{url!r} does not name a key store: file:///path/keys.json is understood")
