from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from edge.gateway.limits import open_limits
from edge.ingest.locks import open_locks
from feed.ready import open_ready
from origin.counters import open_counters
from origin.speed.address import Kind, parse_address
from origin.speed.slots import slot_of, table_of


def test_a_single_server_is_taken_apart():
    address = parse_address("redis://al%40n:p%3Aw@cache.example:6380/2")
    assert (address.kind, address.hosts, address.database) == (Kind.SINGLE, (("cache.example", 6380),), 2)
    assert (address.username, address.password, address.tls, address.wait_replicas) == ("al@n", "p:w", False, 0)
    assert parse_address("rediss://h?ca_file=/ca.pem").ca_file == "/ca.pem"
    assert parse_address("redis://[::1]:7000").hosts == (("::1", 7000),)
    assert parse_address("unix:///run/v.sock?db=3").socket == "/run/v.sock"


def test_sentinels_name_their_service_and_a_replica_is_waited_for():
    address = parse_address("redis+sentinel://u:p@s1,s2:5000/main/4")
    assert (address.kind, address.hosts) == (Kind.SENTINEL, (("s1", 26379), ("s2", 5000)))
    assert (address.service, address.database, address.wait_replicas) == ("main", 4, 1)


def test_a_cluster_has_hosts_only_and_the_replicas_to_wait_for_can_be_chosen():
    address = parse_address("redis+cluster://c1,c2:7001?wait_replicas=2")
    assert (address.hosts, address.wait_replicas) == ((("c1", 6379), ("c2", 7001)), 2)


@pytest.mark.parametrize(
    "url",
    [
        "memcached://h",
        "redis://",
        "redis://a,b",
        "redis://h:x",
        "redis://h:99999",
        "redis://h/zero",
        "redis://h/01",
        "redis://h/1/2",
        "redis://h?db=1&wait_replicas=-1",
        "redis://h?timeout=5",
        "unix://",
        "redis+sentinel://h",
        "redis+sentinel://h/main/x",
        "redis+cluster://h/1",
        "redis+cluster://h,",
    ],
)
def test_an_ill_formed_url_is_refused_by_every_port_with_what_is_allowed(url):
    secret = url.replace("://", "://user:hunter2@", 1)
    for each in (parse_address, open_counters, open_limits, open_locks, lambda url: open_ready(url, int)):
        with pytest.raises(ValueError, match=r"redis\+cluster://") as refused:
            each(secret)
        assert "hunter2" not in str(refused.value)


def test_the_password_is_shown_nowhere():
    address = parse_address("redis+sentinel://user:hunter2@s1,s2/main")
    assert "hunter2" not in repr(address)
    assert address.shown == "redis+sentinel://user:***@s1,s2/main"


@given(st.text(max_size=20) | st.from_regex(r"[a-z]{0,3}\{[a-z]{0,3}\}[a-z{}]{0,3}", fullmatch=True))
def test_keys_go_to_the_slots_that_redis_gives_them(key):
    assert slot_of(key) == key_slot(key.encode("utf-8", "surrogatepass"))


def test_all_of_the_counts_and_all_of_a_users_lists_share_a_slot():
    assert len({slot_of("{counts}:" + name) for name in ("gathered", "marks", "batch:id", "seen:x", "flushes")}) == 1
    assert slot_of("feed:42") == slot_of("{feed:42}:sources") == slot_of("{feed:42}:history")


def test_a_table_names_primaries_and_everybody_to_ask():
    ranges = [[0, 9, [b"a", 1, b"id"], [b"b", 2, b"id"]], [10, 16383, [b"", 3, b"id"]]]
    table = table_of("cluster_state:ok\r\ncluster_current_epoch:7\r\n", ranges, ("asked", 9))
    assert (table.epoch, table.uncovered) == (7, 0)
    assert (table.primaries[9], table.primaries[10]) == (("a", 1), ("asked", 3))
    assert table.nodes == {("a", 1), ("b", 2), ("asked", 3), ("asked", 9)}
    assert table.with_slot(9, ("c", 4)).primaries[8:11] == (("a", 1), ("c", 4), ("asked", 3))
    with pytest.raises(ValueError, match="no answer"):
        table_of("", ranges, ("asked", 9))
