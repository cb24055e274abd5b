"""What `Speed.check` says about servers that cannot be used: the engine, its URL without the password, the remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from origin.speed import SpeedDenied, SpeedUnavailable, open_speed
from tests.valkeys import Server, free_port, start_cluster, start_single, start_watched


async def check(url: str, folder) -> None:
    speed = await open_speed(url, folder)
    try:
        async with asyncio.timeout(20):
            await speed.check()
    finally:
        await speed.close()


@pytest.fixture
def guarded(tmp_path) -> Iterator[Server]:
    server = start_single(tmp_path / "guarded", requirepass="right")
    yield server
    server.stop()


async def test_a_server_that_can_be_used_passes(guarded, tmp_path):
    await check(f"redis://:right@127.0.0.1:{guarded.port}", tmp_path)
    await check("embedded:", tmp_path / "embedded")
    await check("memory:", tmp_path)


@pytest.mark.parametrize("userinfo", ["", ":wrong@", "nobody:wrong@"])
async def test_wrong_credentials_are_denied_and_not_told(guarded, tmp_path, userinfo):
    with pytest.raises(SpeedDenied) as refused:
        await check(f"redis://{userinfo}127.0.0.1:{guarded.port}", tmp_path)
    with pytest.raises(SpeedDenied):
        await check(f"redis+cluster://{userinfo}127.0.0.1:{guarded.port}", tmp_path)
    assert f"127.0.0.1:{guarded.port}" in str(refused.value)
    assert "wrong@" not in str(refused.value)


async def test_a_user_without_the_right_to_write_is_denied(guarded, tmp_path):
    with guarded.client() as client:
        client.acl_setuser("reader", enabled=True, passwords=["+r"], categories=["+@read", "+@connection"], keys=["*"])
    with pytest.raises(SpeedDenied, match="reader"):
        await check(f"redis://reader:r@127.0.0.1:{guarded.port}", tmp_path)


async def test_a_server_that_is_not_there_or_frozen_is_unavailable(guarded, tmp_path):
    with pytest.raises(SpeedUnavailable, match="did not answer"):
        await check(f"redis://127.0.0.1:{free_port()}", tmp_path)
    with guarded.frozen(), pytest.raises(SpeedUnavailable, match="did not answer"):
        await check(f"redis://:right@127.0.0.1:{guarded.port}", tmp_path)


async def test_too_few_replicas_are_said_with_the_remedy(guarded, tmp_path):
    with pytest.raises(SpeedUnavailable, match=r"0 of 1 replicas.*wait_replicas"):
        await check(f"redis://:right@127.0.0.1:{guarded.port}?wait_replicas=1", tmp_path)
    guarded.ask("CONFIG", "SET", "min-replicas-to-write", 1)
    with pytest.raises(SpeedUnavailable, match="min-replicas-to-write"):
        await check(f"redis://:right@127.0.0.1:{guarded.port}", tmp_path)


async def test_a_replica_is_told_from_its_primary(guarded, tmp_path):
    replica = start_single(tmp_path / "replica", replicaof=f"127.0.0.1 {guarded.port}", primaryauth="right")
    try:
        with pytest.raises(SpeedUnavailable, match="is a replica"):
            await check(replica.url, tmp_path)
    finally:
        replica.stop()


async def test_a_single_server_is_no_cluster(guarded, tmp_path):
    with pytest.raises(SpeedUnavailable, match="cluster"):
        await check(f"redis+cluster://:right@127.0.0.1:{guarded.port}", tmp_path)


@pytest.mark.slow
async def test_a_service_that_no_sentinel_watches_is_named_with_those_they_watch(tmp_path):
    watched = start_watched(tmp_path / "watched")
    try:
        await check(watched.url, tmp_path)
        with pytest.raises(SpeedUnavailable, match="watch no service 'other'; they watch main"):
            await check(watched.url.replace("/main", "/other"), tmp_path)
        for each in watched.sentinels:
            each.kill()
        with pytest.raises(SpeedUnavailable, match="no Sentinel answers"):
            await check(watched.url, tmp_path)
    finally:
        watched.stop()


@pytest.mark.slow
async def test_a_cluster_that_lost_slots_is_down_and_its_nodes_are_no_single_server(tmp_path):
    cluster = start_cluster(tmp_path / "cluster")
    try:
        await check(cluster.url, tmp_path)
        elsewhere = next(each for each in cluster.servers if each is not cluster.primary("{counts}:check"))
        with pytest.raises(SpeedUnavailable, match=r"redis\+cluster://"):
            await check(elsewhere.url, tmp_path)
        for server in (cluster.servers[0], cluster.servers[3]):
            server.kill()
        with pytest.raises(SpeedUnavailable):
            await check(cluster.url, tmp_path)
    finally:
        cluster.stop()
