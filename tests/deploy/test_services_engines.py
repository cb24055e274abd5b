"""The harness's clusters and logins, seen by the engines' own clients."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import RoundRobinPolicy

from deploy.services.addresses import Cassandra, Credentials
from deploy.services.cassandra import SUPERUSER, start_cassandra
from deploy.services.cluster import start_cluster
from deploy.services.kafka import start_kafka
from deploy.services.node import Node
from deploy.services.sentinel import start_sentinel
from deploy.services.service import Service
from deploy.services.valkey import client, replication
from deploy.settings import services_cache
from tests.waiting import until_blocking

# Cold engines on shared cores take longer than a test may.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class TestClusters:
    """What they acknowledged outlives the death of every node at once, or of the one that leads."""

    def test_cassandra(self, tmp_path: Path) -> None:
        with start_cassandra(tmp_path, services_cache(), nodes=3) as service, cassandra_session(service) as session:
            replicated = "{'class': 'NetworkTopologyStrategy', 'dc1': 3}"
            session.execute(f"CREATE KEYSPACE kept WITH replication = {replicated}", timeout=60)
            session.execute("CREATE TABLE kept.rows (id int PRIMARY KEY)", timeout=60)
            for number in range(100):
                session.execute("INSERT INTO kept.rows (id) VALUES (%s)", (number,))
            service.kill()
            service.start()
            with cassandra_session(service) as again:
                assert {row.id for row in again.execute("SELECT id FROM kept.rows")} == set(range(100))

    async def test_kafka_also_where_its_identity_begins_with_a_dash(self, tmp_path: Path) -> None:
        (tmp_path / "cluster-id").write_text("-9kXw0AHTaWBm1lQk3T4cg")
        with start_kafka(tmp_path, services_cache(), nodes=3) as service:
            hosts = service.address.hosts
            admin = AIOKafkaAdminClient(bootstrap_servers=hosts)
            await admin.start()
            await admin.create_topics([NewTopic("kept", 3, 3)])
            await admin.close()
            async with AIOKafkaProducer(bootstrap_servers=hosts, acks="all", request_timeout_ms=20_000) as producer:
                for number in range(100):
                    await producer.send_and_wait("kept", b"%d" % number)
            service.kill()
            service.start()
            async with AIOKafkaConsumer("kept", bootstrap_servers=hosts, auto_offset_reset="earliest") as consumer:
                found = {int(record.value) for record in [await consumer.getone() for _ in range(100)]}
            assert found == set(range(100))

    def test_sentinels_choose_another_primary_and_take_the_old_one_back(self, tmp_path: Path) -> None:
        with start_sentinel(tmp_path) as service:
            old = service.primary()
            with client(old) as asked:
                asked.set("kept", "yes")
                assert asked.wait(2, 5000) == 2
            old.kill()
            service.wait_for_another(old)
            old.start()
            service.wait_ready()
            with client(service.primary()) as asked:
                assert asked.get("kept") == b"yes"
            assert service.primary() is not old

    def test_a_replica_in_a_redis_cluster_takes_the_place_of_its_primary(self, tmp_path: Path) -> None:
        with start_cluster(tmp_path) as service:
            first, *others = service.nodes
            with redis.RedisCluster.from_url(f"redis://{others[0].address}") as asked:
                asked.mset_nonatomic({f"key-{number}": number for number in range(100)})
            until_blocking(lambda: replicated(first))
            first.kill()
            until_blocking(lambda: serves(others[0]))
            service.start()
            with redis.RedisCluster.from_url(f"redis://{first.address}") as asked:
                kept = asked.mget_nonatomic([f"key-{number}" for number in range(100)])
            assert kept == [b"%d" % number for number in range(100)]


class TestPasswords:
    def test_cassandra_lets_in_who_knows_it(self, tmp_path: Path) -> None:
        with start_cassandra(tmp_path, services_cache(), passwords=True) as service:
            with (
                pytest.raises(NoHostAvailable, match=r"Bad credentials|incorrect"),
                cassandra_session(service, "wrong"),
            ):
                pass
            with cassandra_session(service, SUPERUSER.password) as session:
                assert session.execute("SELECT cluster_name FROM system.local").one().cluster_name == "reelway"

    async def test_kafka_lets_in_who_knows_it(self, tmp_path: Path) -> None:
        who = Credentials("reelway", "correct")
        with start_kafka(tmp_path, services_cache(), credentials=who) as service:
            wrong = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": who.user}
            admin = AIOKafkaAdminClient(bootstrap_servers=service.address.hosts, sasl_plain_password="wrong", **wrong)
            with pytest.raises(KafkaError):
                await admin.start()
            await admin.close()
            assert service.address.url.startswith("kafka://reelway:correct@127.0.0.1:")


@contextlib.contextmanager
def cassandra_session(service: Service[Cassandra], password: str = "") -> Iterator[Session]:
    login = PlainTextAuthProvider(SUPERUSER.user, password) if password else None
    quorum = ExecutionProfile(RoundRobinPolicy(), consistency_level=ConsistencyLevel.QUORUM)
    cluster = Cluster(
        [node.host for node in service.nodes],
        port=service.nodes[0].port,
        protocol_version=5,
        auth_provider=login,
        execution_profiles={EXEC_PROFILE_DEFAULT: quorum},
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def replicated(primary_node: Node) -> bool:
    state_of = replication(primary_node)
    return bool(state_of["slave0"]["offset"] == state_of["master_repl_offset"])


def serves(node: Node) -> bool:
    with client(node) as asked:
        return bool(asked.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
