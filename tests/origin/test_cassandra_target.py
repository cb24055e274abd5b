"""What a cassandra:// URL says, and what it may not say."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.metadata.cassandra_buckets import SHARDS, shard_of
from origin.metadata.cassandra_target import Target, parse_target


def test_a_url_names_hosts_keyspace_and_what_is_near():
    assert parse_target("cassandra://a,b:9142,[::1]/reelway?local_dc=dc1") == Target(
        (("a", 9042), ("b", 9142), ("::1", 9042)), "reelway", "dc1"
    )
    target = parse_target("cassandra://me:p%40ss@a/reelway?local_dc=dc1&replication=2&speculative_ms=50")
    assert (target.user, target.password, target.replication, target.speculative_ms) == ("me", "p@ss", 2, 50)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("cassandra://a/reelway", "local_dc"),
        ("cassandra://a/?local_dc=d", "keyspace"),
        ("cassandra://a/Reel-way?local_dc=d", "keyspace"),
        ("cassandra:///reelway?local_dc=d", "HOST"),
        ("cassandra://a:0/reelway?local_dc=d", "HOST"),
        ("cassandra://a,/reelway?local_dc=d", "HOST"),
        ("cassandra://a/reelway?local_dc=d&replication=0", "replication"),
        ("cassandra://a/reelway?local_dc=d&replicas=3", "replicas"),
        ("sqlite:///a", "no Cassandra URL"),
    ],
)
def test_a_url_that_says_something_else_is_refused_with_a_reason(url, says):
    with pytest.raises(ValueError, match=says):
        parse_target(url)


@given(st.text(), st.text())
def test_any_text_is_a_target_or_refused(hosts, rest):
    with contextlib.suppress(ValueError):
        parse_target(f"cassandra://{hosts}/{rest}")


def test_the_password_is_shown_nowhere():
    target = parse_target("cassandra://me:secret@a/reelway?local_dc=dc1")
    assert "secret" not in target.name
    assert "secret" not in repr(target)
    with pytest.raises(ValueError, match="HOST") as refused:
        parse_target("cassandra://me:secret@a:b/reelway?local_dc=dc1")
    assert "secret" not in str(refused.value)


def test_ids_of_one_worker_are_spread_over_all_shards():
    counts = [0] * SHARDS
    for millisecond in range(8_000):
        counts[shard_of(millisecond << 22)] += 1
    assert min(counts) > 800
