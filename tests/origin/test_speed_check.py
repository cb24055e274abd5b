"""What `Speed.check` says about servers that cannot be used: the engine, its URL without the password, the remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from deploy.services.cluster import start_cluster
from deploy.services.node import Node
from deploy.services.sentinel import GROUP, start_sentinel
from deploy.services.valkey import ask, client, start_redis
from origin.speed import SpeedDenied, SpeedUnavailable, SpeedUnreplicated, open_speed
from tests.ports import free_port


async def check(url: str, folder) -> None:
    speed = await open_speed(url, folder)
    try:
        async with asyncio.timeout(20):
            await speed.check()
    finally:
        await speed.close()


@pytest.fixture
def guarded(tmp_path) -> Iterator[Node]:
    """A server that asks for a password."""
    with start_redis(tmp_path / "guarded") as service:
        [node] = service.nodes
        ask(node, "CONFIG", "SET", "requirepass", "right")
        yield node


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
    with client(guarded, "right") as told:
        told.acl_setuser("reader", enabled=True, passwords=["+r"], categories=["+@read", "+@connection"], keys=["*"])
    with pytest.raises(SpeedDenied, match="reader"):
        await check(f"redis://reader:r@127.0.0.1:{guarded.port}", tmp_path)


async def test_a_database_that_the_server_does_not_have_is_denied_since_waiting_would_not_make_it(guarded, tmp_path):
    with pytest.raises(SpeedDenied, match="has no database 9999"):
        await check(f"redis://:right@127.0.0.1:{guarded.port}/9999", tmp_path)


async def test_a_server_that_is_not_there_or_frozen_is_unavailable(guarded, tmp_path):
    for url in (f"redis://127.0.0.1:{free_port()}", f"unix://{tmp_path}/nowhere"):
        with pytest.raises(SpeedUnavailable, match=r"did not answer: [a-z ]+; start it, or correct REELWAY_REDIS_URL"):
            await check(url, tmp_path)
    with guarded.frozen(), pytest.raises(SpeedUnavailable, match="did not answer"):
        await check(f"redis://:right@127.0.0.1:{guarded.port}", tmp_path)


async def test_too_few_replicas_are_said_with_the_remedy(guarded, tmp_path):
    with pytest.raises(SpeedUnreplicated, match=r"0 of 1 replicas.*counts wait.*wait_replicas"):
        await check(f"redis://:right@127.0.0.1:{guarded.port}?wait_replicas=1", tmp_path)
    with client(guarded, "right") as told:
        told.config_set("min-replicas-to-write", 1)
    with pytest.raises(SpeedUnavailable, match="min-replicas-to-write"):
        await check(f"redis://:right@127.0.0.1:{guarded.port}", tmp_path)


async def test_authorities_that_cannot_be_read_are_refused_at_once(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    for path in (empty, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=f"ca_file={path} holds no certificates"):
            await open_speed(f"rediss://127.0.0.1?ca_file={path}", tmp_path)


async def test_tls_to_a_server_without_it_is_unavailable(guarded, tmp_path):
    with pytest.raises(SpeedUnavailable, match=r"did not answer: (no answer in time|TLS failed)"):
        await check(f"rediss://:right@127.0.0.1:{guarded.port}", tmp_path)


async def test_what_is_no_speed_layer_at_all_is_told_by_what_it_says(tmp_path):
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(SpeedUnavailable, match="REELWAY_REDIS_URL"):
            await check(f"redis://127.0.0.1:{port}", tmp_path)


async def test_a_replica_is_told_from_its_primary(guarded, tmp_path):
    with start_redis(tmp_path / "replica") as service:
        ask(service.nodes[0], "CONFIG", "SET", "primaryauth", "right")
        ask(service.nodes[0], "REPLICAOF", guarded.host, guarded.port)
        with pytest.raises(SpeedUnavailable, match="is a replica"):
            await check(service.address.url, tmp_path)


async def test_a_single_server_is_no_cluster(guarded, tmp_path):
    with pytest.raises(SpeedUnavailable, match="cluster"):
        await check(f"redis+cluster://:right@127.0.0.1:{guarded.port}", tmp_path)


@pytest.mark.slow
async def test_a_service_that_no_sentinel_watches_is_named_with_those_they_watch(tmp_path):
    with start_sentinel(tmp_path / "watched") as watched:
        url = watched.address.url
        await check(url, tmp_path)
        with pytest.raises(SpeedUnavailable, match=f"watch no service 'other'; they watch {GROUP}"):
            await check(url.replace(f"/{GROUP}", "/other"), tmp_path)
        for each in watched.sentinels:
            each.kill()
        with pytest.raises(SpeedUnavailable, match="no Sentinel answers"):
            await check(url, tmp_path)


@pytest.mark.slow
async def test_a_cluster_that_lost_slots_is_down_and_its_nodes_are_no_single_server(tmp_path):
    with start_cluster(tmp_path / "cluster") as cluster:
        await check(cluster.address.url, tmp_path)
        elsewhere = next(each for each in cluster.nodes if each is not cluster.primary("{counts}:check"))
        with pytest.raises(SpeedUnavailable, match=r"redis\+cluster://"):
            await check(f"redis://{elsewhere.address}", tmp_path)
        for node in (cluster.nodes[0], cluster.nodes[3]):
            node.kill()
        with pytest.raises(SpeedUnavailable):
            await check(cluster.address.url, tmp_path)
