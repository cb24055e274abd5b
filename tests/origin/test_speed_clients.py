"""The speed layer's clients on real servers: redirections, forgotten scripts, replicas that must have a write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from deploy.services.addresses import Redis
from deploy.services.cluster import ClusterRedis, start_cluster
from deploy.services.service import Service
from deploy.services.valkey import ask, start_redis
from origin.speed import SpeedUnavailable
from origin.speed.clients import Script, command, open_client
from origin.speed.slots import slot_of

ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


@pytest.fixture
def single(tmp_path) -> Iterator[Service[Redis]]:
    with start_redis(tmp_path / "server") as started:
        yield started


@pytest.fixture
def cluster(tmp_path) -> Iterator[ClusterRedis]:
    with start_cluster(tmp_path) as started:
        yield started


async def test_a_script_that_the_server_forgot_is_sent_whole(single):
    client = open_client(single.address.url)
    for total in (2, 4):
        assert await client.one(ADD.on(["k"], [2]), 5) == total
        ask(single.nodes[0], "SCRIPT", "FLUSH")
    assert await client.run([command("SET", "x", 1), ADD.on(["k"], [2]), command("GET", "x")], 5) == [True, 6, b"1"]
    await client.close()


async def test_an_error_of_one_command_is_raised_after_all_were_sent(single):
    client = open_client(single.address.url)
    with pytest.raises(SpeedUnavailable, match="WRONGTYPE"):
        await client.run([command("SET", "x", 1), command("LPUSH", "x", 1), command("SET", "y", 2)], 5)
    assert await client.one(command("GET", "y"), 5) == b"2"
    await client.close()


async def test_more_commands_at_once_than_connections_wait_for_their_turn(single):
    client = open_client(single.address.url, connections=2)
    await asyncio.gather(*(client.one(ADD.on(["k"], [1]), 20) for _ in range(200)))
    assert await client.one(command("GET", "k"), 5) == b"200"
    assert len(ask(single.nodes[0], "CLIENT", "LIST").splitlines()) <= 3
    await client.close()


async def test_a_server_that_comes_later_is_found_without_opening_again(single):
    client = open_client(single.address.url)
    single.kill()
    with pytest.raises(SpeedUnavailable):
        await client.one(command("GET", "k"), 5)
    single.start()
    assert await client.one(command("GET", "k"), 5) is None
    await client.close()


@pytest.mark.slow
async def test_commands_for_many_slots_are_answered_in_order(cluster):
    client = open_client(cluster.address.url)
    keys = [f"k{n}" for n in range(200)]
    await client.run([command("SET", key, key) for key in keys], 5, replicated=True)
    assert await client.run([command("GET", key) for key in keys], 5) == [key.encode() for key in keys]
    await client.close()


@pytest.mark.slow
async def test_a_slot_on_its_way_is_asked_for_and_one_that_moved_is_followed(cluster):
    client = open_client(cluster.address.url)
    key, slot = "moving", slot_of("moving")
    source = cluster.primary(key)
    target = next(each for each in cluster.nodes[:3] if each is not source)
    ids = {each.port: ask(each, "CLUSTER", "MYID") for each in (source, target)}
    ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source.port])
    ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target.port])
    assert await client.one(ADD.on([key], [3]), 5) == 3
    assert await client.run([command("GET", key), command("SET", "elsewhere", 1)], 5) == [b"3", True]
    for each in (target, source):
        ask(each, "CLUSTER", "SETSLOT", slot, "NODE", ids[target.port])
    assert await client.one(ADD.on([key], [4]), 5) == 7
    assert cluster.primary(key) is target
    await client.close()


@pytest.mark.slow
async def test_a_write_that_no_replica_has_is_not_said_to_be_safe(cluster):
    client = open_client(cluster.address.url)
    await client.one(command("SET", "k", 1), 5, replicated=True)
    for each in cluster.replicas("k"):
        each.kill()
    with pytest.raises(SpeedUnavailable, match="0 of 1 replicas"):
        await client.one(command("SET", "k", 2), 5, replicated=True)
    assert await client.one(command("SET", "k", 3), 5) is True
    await client.close()
