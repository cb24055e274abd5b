"""What every key store keeps, whatever holds the keys."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signer.keys import SIGNING_DELAY_MS, KeyStore, KeyStoreError, NoSigningKey, open_keys
from signer.keys.base import KeyRing, SigningKey
from signer.playback import PlaybackSigner
from signer.token import Granted, verify

NOW_MS = 1_800_000_000_000
BACKENDS = ["file"]


def _url(backend: str, folder: Path) -> str:
    return {"file": f"file://{folder}/keys.json"}[backend]


@pytest.fixture(params=BACKENDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyStore]:
    opened = open_keys(_url(request.param, tmp_path), lambda: NOW_MS)
    yield opened
    await opened.close()


@pytest.fixture(params=BACKENDS)
async def two_processes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[KeyStore, KeyStore]]:
    one, two = (open_keys(_url(request.param, tmp_path), lambda: NOW_MS) for _ in range(2))
    yield one, two
    await one.close()
    await two.close()


async def test_an_empty_store_begins_with_one_active_key(store: KeyStore) -> None:
    ring = await store.ring()
    (kid,) = ring.keys
    assert ring.state(kid, NOW_MS) == "active"
    assert len(ring.signing_key(NOW_MS).secret) >= 32


async def test_two_processes_that_start_at_once_share_the_first_key(two_processes: tuple[KeyStore, KeyStore]) -> None:
    one, two = await asyncio.gather(*(store.ring() for store in two_processes))
    assert one.keys.keys() == two.keys.keys()


async def test_a_rotated_key_signs_only_after_every_process_has_read_it(store: KeyStore) -> None:
    old = (await store.ring()).signing_key(NOW_MS)
    new = await store.rotate(NOW_MS)
    ring = await store.ring()
    assert ring.signing_key(NOW_MS).kid == old.kid
    assert ring.state(new.kid, NOW_MS) == "next"
    later = NOW_MS + SIGNING_DELAY_MS
    assert ring.signing_key(later).kid == new.kid
    assert (ring.state(old.kid, later), ring.state(new.kid, later)) == ("retired", "active")


async def test_tokens_of_a_retired_key_live_to_their_end(store: KeyStore) -> None:
    token, expires_at_ms = PlaybackSigner(await store.ring()).token(1, NOW_MS)
    await store.rotate(NOW_MS)
    ring = await store.ring()
    assert isinstance(verify(token, "/v/1/a", "GET", ring, expires_at_ms - 1), Granted)


async def test_a_key_is_forgotten_when_its_overlap_is_over(store: KeyStore) -> None:
    old = (await store.ring()).signing_key(NOW_MS)
    await store.rotate(NOW_MS, overlap_ms=1000)
    await store.rotate(NOW_MS + 3_600_000)
    assert old.kid not in (await store.ring()).keys


async def test_a_revoked_key_verifies_nothing_and_another_takes_over(store: KeyStore) -> None:
    ring = await store.ring()
    old = ring.signing_key(NOW_MS)
    token, _ = PlaybackSigner(ring).token(1, NOW_MS)
    await store.revoke(old.kid, NOW_MS)
    ring = await store.ring()
    assert ring.state(old.kid, NOW_MS) == "revoked"
    assert ring.signing_key(NOW_MS).kid != old.kid
    assert verify(token, "/v/1/a", "GET", ring, NOW_MS).reason == "revoked"  # type: ignore[union-attr]


async def test_revoking_an_unknown_key_is_an_error(store: KeyStore) -> None:
    with pytest.raises(KeyStoreError, match="no key is called"):
        await store.revoke("nobody", NOW_MS)


async def test_a_token_called_back_is_refused_until_it_would_have_expired(store: KeyStore) -> None:
    token, expires_at_ms = PlaybackSigner(await store.ring()).token(1, NOW_MS)
    granted = verify(token, "/v/1/a", "GET", await store.ring(), NOW_MS)
    assert isinstance(granted, Granted)
    assert granted.claims.cti is not None
    await store.revoke_token(granted.claims.cti, expires_at_ms, NOW_MS)
    ring = await store.ring()
    assert verify(token, "/v/1/a", "GET", ring, NOW_MS).reason == "revoked"  # type: ignore[union-attr]
    await store.revoke_token(b"another", expires_at_ms + 2, expires_at_ms + 1)
    assert granted.claims.cti not in (await store.ring()).revoked_tokens


async def test_a_change_is_seen_by_the_other_process_within_the_refresh_time(
    two_processes: tuple[KeyStore, KeyStore],
) -> None:
    one, two = two_processes
    await two.ring()
    new = await one.rotate(NOW_MS)
    await asyncio.sleep(1.1)
    assert new.kid in (await two.ring()).keys


async def test_changes_made_at_once_by_two_processes_are_all_kept(two_processes: tuple[KeyStore, KeyStore]) -> None:
    made = await asyncio.gather(*(store.rotate(NOW_MS) for store in two_processes for _ in range(5)))
    ring = await two_processes[0].ring()
    await two_processes[1].rotate(NOW_MS)
    await asyncio.sleep(1.1)
    ring = await two_processes[0].ring()
    assert {key.kid for key in made} <= ring.keys.keys()


def test_a_ring_without_a_usable_key_says_so() -> None:
    ring = KeyRing({"a": SigningKey("a", b"x" * 32, 0, 0, revoked_ms=1)})
    with pytest.raises(NoSigningKey, match="keys rotate"):
        ring.signing_key(NOW_MS)


def test_a_secret_is_not_shown_by_repr() -> None:
    assert "secret" not in repr(SigningKey("a", b"x" * 32, 0, 0))


async def test_the_file_is_private_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    store = open_keys(f"file://{path}", lambda: NOW_MS)
    await store.ring()
    await store.rotate(NOW_MS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["schema"] == 1
    await store.close()
    for broken in ("", "[]", '{"schema": 2}', '{"schema": 1, "keys": 3}'):
        path.write_text(broken)
        again = open_keys(f"file://{path}", lambda: NOW_MS)
        with pytest.raises(KeyStoreError, match=r"keys\.json"):
            await again.ring()
        await again.close()


def test_an_unknown_kind_of_store_is_named() -> None:
    with pytest.raises(ValueError, match="vault"):
        open_keys("vault://host", lambda: NOW_MS)
