"""What every backend of the upload locks promises. A backend is added to `conftest.SPEED_LAYERS`, never special-cased
below."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from edge.ingest.locks import Claim, Granted, LockLost, Locks, LocksUnavailable, Superseded, open_locks

LEASE_MS = 1_000


@pytest.fixture
async def locks(layer) -> AsyncIterator[Locks]:
    opened = open_locks(layer.fresh(), LEASE_MS, timeout_s=5)
    yield opened
    await opened.close()


def an_upload() -> int:
    return secrets.randbits(62)


async def granted(locks: Locks, claim: Claim) -> Granted:
    given = await locks.claim(claim, first=True)
    assert given is not None
    return given


async def expired(locks: Locks, claim: Claim) -> Granted:
    """The lease after the holder's has ended by itself."""
    assert await locks.claim(claim, first=True) is None
    async with asyncio.timeout(20):
        while (given := await locks.claim(claim, first=False)) is None:  # noqa: ASYNC110 -- it ends by itself
            await asyncio.sleep(0.1)
    return given


async def test_an_upload_has_one_holder_and_each_upload_its_own(locks):
    one, other = an_upload(), an_upload()
    await granted(locks, Claim(one, "a"))
    assert await locks.claim(Claim(one, "b"), first=True) is None
    assert await locks.claim(Claim(other, "b"), first=True) is not None


async def test_tokens_grow(locks):
    upload = an_upload()
    tokens = []
    for name in "abc":
        given = await granted(locks, Claim(upload, name))
        tokens.append(given.token)
        await locks.release(upload, given)
    assert tokens == sorted(set(tokens))


async def test_the_holder_learns_that_another_waits_and_the_other_gets_the_lease_once_it_is_released(locks):
    upload = an_upload()
    older = await granted(locks, Claim(upload, "older"))
    assert await locks.renew(upload, older, stored=False) is False
    assert await locks.claim(Claim(upload, "newer"), first=True) is None
    assert await locks.renew(upload, older, stored=True) is True
    await locks.release(upload, older)
    newer = await locks.claim(Claim(upload, "newer"), first=False)
    assert newer is not None
    assert newer.token > older.token
    assert await locks.renew(upload, newer, stored=False) is False


async def test_of_several_that_wait_the_newest_gets_the_lease(locks):
    upload = an_upload()
    holder = await granted(locks, Claim(upload, "holder"))
    assert await locks.claim(Claim(upload, "older"), first=True) is None
    assert await locks.claim(Claim(upload, "newer"), first=True) is None
    with pytest.raises(Superseded):
        await locks.claim(Claim(upload, "older"), first=False)
    await locks.release(upload, holder)
    assert await locks.claim(Claim(upload, "newer"), first=False) is not None
    with pytest.raises(Superseded):
        await locks.claim(Claim(upload, "older"), first=False)


async def test_a_lease_ends_by_itself_and_its_token_is_worth_nothing_then(locks):
    upload = an_upload()
    dead = await granted(locks, Claim(upload, "dead", new=True))
    heir = await expired(locks, Claim(upload, "heir"))
    assert heir.token > dead.token
    for stored in (True, False):
        with pytest.raises(LockLost):
            await locks.renew(upload, dead, stored=stored)
    await locks.release(upload, dead)
    assert await locks.claim(Claim(upload, "third"), first=True) is None
    assert await locks.renew(upload, heir, stored=False) is True


async def test_a_late_holder_whom_nobody_followed_keeps_its_lease(locks):
    upload = an_upload()
    holder = await granted(locks, Claim(upload, "holder"))
    await asyncio.sleep(1.5 * LEASE_MS / 1000)
    assert await locks.renew(upload, holder, stored=False) is False
    assert await locks.claim(Claim(upload, "newer"), first=True) is None


async def test_a_released_lease_is_not_renewed(locks):
    upload = an_upload()
    given = await granted(locks, Claim(upload, "a"))
    await locks.release(upload, given)
    with pytest.raises(LockLost):
        await locks.renew(upload, given, stored=False)


async def test_strays_are_counted_from_leases_that_were_not_released_until_a_part_is_stored(locks):
    upload = an_upload()
    first = await granted(locks, Claim(upload, "first", new=True))
    assert first.strays == 0
    second = await expired(locks, Claim(upload, "second"))
    assert second.strays == 1
    await locks.release(upload, second)
    third = await granted(locks, Claim(upload, "third"))
    assert third.strays == 1
    await locks.renew(upload, third, stored=False)
    await locks.release(upload, third)
    fourth = await granted(locks, Claim(upload, "fourth"))
    assert fourth.strays == 1
    await locks.renew(upload, fourth, stored=True)
    await locks.release(upload, fourth)
    assert (await granted(locks, Claim(upload, "fifth"))).strays == 0


async def test_an_upload_of_which_nothing_is_known_may_have_a_stray(locks):
    assert (await granted(locks, Claim(an_upload(), "a"))).strays == 1


async def test_a_holder_takes_back_a_lease_that_a_failover_lost(locks):
    upload = an_upload()
    holder = Granted(1 << 50, 1)
    assert await locks.renew(upload, holder, stored=False) is False
    assert await locks.claim(Claim(upload, "newer"), first=True) is None
    assert await locks.renew(upload, holder, stored=False) is True
    await locks.release(upload, holder)
    newer = await locks.claim(Claim(upload, "newer"), first=False)
    assert newer is not None
    assert newer.token > holder.token
    assert newer.strays == 1


async def test_of_many_that_claim_at_once_one_is_granted(locks):
    upload = an_upload()
    given = await asyncio.gather(*(locks.claim(Claim(upload, str(n)), first=True) for n in range(20)))
    assert sum(each is not None for each in given) == 1


async def test_without_a_server_nothing_is_granted(tmp_path):
    locks = open_locks(f"unix://{tmp_path}/nobody.sock")
    for _ in range(10):
        with pytest.raises(LocksUnavailable):
            await locks.claim(Claim(1, "a"), first=True)
        with pytest.raises(LocksUnavailable):
            await locks.renew(1, Granted(1, 0), stored=True)
    await locks.close()


def test_another_scheme_is_refused():
    with pytest.raises(ValueError, match="memory:"):
        open_locks("ftp://x")
