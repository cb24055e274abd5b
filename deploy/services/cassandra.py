"""Apache Cassandra: one node, or three that hold everything, each on an address of loopback and in a rack of its own.

`commitlog_sync: batch`: with the default, killing all nodes at once loses what was acknowledged in the last 100 ms.
`cassandra.unsafesystem` is never set: a node that is killed would forget its schema and with it the rows since.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cassandra import ConsistencyLevel, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import SimpleStatement

from deploy.services.addresses import Cassandra, Credentials
from deploy.services.fetch import jars
from deploy.services.java import java
from deploy.services.node import Node
from deploy.services.ports import Ports
from deploy.services.service import Service, started

HEAP_MIB = 384
SUPERUSER = Credentials("cassandra", "cassandra")
"""Who can log in to a new cluster that asks for a password."""
_HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
_DATACENTER = "dc1"
_ARGUMENTS = Path(__file__).with_name("cassandra.args")
_LOGBACK = Path(__file__).with_name("logback.xml")
_KEYSPACE = "services_ready"
_PROTOCOL = 5
_SCHEMA_S = 60.0
_TABLE_ID = "9d7cbb52-2f0d-4c6e-8a35-0d1f7f2f8c11"
_WRITE_S = 10.0


def start_cassandra(folder: Path, cache: Path, nodes: int = 1, passwords: bool = False) -> Service[Cassandra]:
    """One node or three on the data in `folder`; with `passwords` it lets in SUPERUSER only. Raises ServicesError."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    libraries = jars("cassandra", cache)
    hosts = _HOSTS[:nodes]
    ports = Ports(folder)
    port, storage_port = ports.take("cql", *hosts), ports.take("storage", *hosts)
    members: list[Node] = []
    for number, host in enumerate(hosts, 1):
        home = folder / f"node-{number}"
        home.mkdir(exist_ok=True)
        settings = _settings(number, hosts, port, storage_port, passwords)
        # Every JSON document is YAML.
        (home / "cassandra.yaml").write_text(json.dumps(settings, indent=2))
        (home / "cassandra-rackdc.properties").write_text(f"dc={_DATACENTER}\nrack=rack{number}\n")
        members.append(Node(f"cassandra {number}", home, host, port, _command(home, libraries)))
    credentials = SUPERUSER if passwords else None
    address = Cassandra(",".join(node.address for node in members), nodes, _DATACENTER, credentials)
    return started(Service("Cassandra", address, tuple(members), lambda: _missing(address, members)))


def _settings(number: int, hosts: Sequence[str], port: int, storage_port: int, passwords: bool) -> dict[str, object]:
    seeds = ",".join(f"{host}:{storage_port}" for host in hosts)
    host = hosts[number - 1]
    return {
        "cluster_name": "reelway",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        # Even shares of the ring, fixed beforehand, so that all nodes can start at once.
        "num_tokens": 1,
        "initial_token": str(-(2**63) + (number - 1) * (2**64 // len(hosts)) + 1),
        "auto_bootstrap": False,
        "seed_provider": [
            {"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": [{"seeds": seeds}]}
        ],
        "endpoint_snitch": "GossipingPropertyFileSnitch",
        "listen_address": host,
        "rpc_address": host,
        "storage_port": storage_port,
        "native_transport_port": port,
        "authenticator": "PasswordAuthenticator" if passwords else "AllowAllAuthenticator",
        "authorizer": "CassandraAuthorizer" if passwords else "AllowAllAuthorizer",
        "commitlog_sync": "batch",
        "phi_convict_threshold": 6,
        # Of a few cores that everything shares; Cassandra's own are 2 s and 1.8 s.
        "write_request_timeout": "5000ms",
        "cas_contention_timeout": "5000ms",
        "dynamic_snitch": False,
        "auto_snapshot": False,
        **_SMALL,
    }


_SMALL: dict[str, object] = {
    "commitlog_segment_size": "16MiB",
    "commitlog_total_space": "128MiB",
    "memtable_allocation_type": "heap_buffers",
    "memtable_heap_space": "48MiB",
    "memtable_offheap_space": "48MiB",
    "key_cache_size": "4MiB",
    "counter_cache_size": "4MiB",
    "networking_cache_size": "16MiB",
    "file_cache_enabled": False,
    "disk_access_mode": "mmap_index_only",
    "concurrent_reads": 8,
    "concurrent_writes": 8,
    "concurrent_counter_writes": 8,
    "concurrent_compactors": 1,
    "native_transport_max_threads": 16,
}


def _command(home: Path, libraries: Path) -> list[str]:
    [agent] = libraries.glob("jamm-*.jar")
    properties = {
        "cassandra.config": (home / "cassandra.yaml").as_uri(),
        "cassandra-rackdc.properties": (home / "cassandra-rackdc.properties").as_uri(),
        "cassandra.storagedir": str(home),
        "logback.configurationFile": str(_LOGBACK),
        "cassandra-foreground": "yes",
        "cassandra.available_processors": "2",
        "io.netty.eventLoopThreads": "2",
        # Nobody else joins: there is no gossip to wait for.
        "cassandra.ring_delay_ms": "100",
        "cassandra.skip_wait_for_gossip_to_settle": "0",
        "cassandra.consistent.rangemovement": "false",
        "cassandra.superuser_setup_delay_ms": "0",
    }
    options = [f"-D{name}={value}" for name, value in properties.items()]
    machine = [f"@{_ARGUMENTS}", f"-javaagent:{agent}", "-Xss512k"]
    return java(HEAP_MIB, [libraries], *machine, *options, "org.apache.cassandra.service.CassandraDaemon")


def _missing(address: Cassandra, nodes: Sequence[Node]) -> str:
    for node in nodes:
        if not node.listens():
            return f"{node.name} does not listen"
    try:
        return _unwritten(address, nodes)
    except (DriverException, NoHostAvailable) as error:
        return f"{type(error).__name__}: {error}"


def _unwritten(address: Cassandra, nodes: Sequence[Node]) -> str:
    """Empty when a write that all nodes hold works through every one of them."""
    login: dict[str, Any] = {}
    if address.credentials:
        login["auth_provider"] = PlainTextAuthProvider(address.credentials.user, address.credentials.password)
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=_WRITE_S)
    cluster = Cluster(
        [node.host for node in nodes],
        port=nodes[0].port,
        protocol_version=_PROTOCOL,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        **login,
    )
    try:
        session = cluster.connect()
        _make_table(session, cluster, len(nodes))
        write = SimpleStatement(
            f"INSERT INTO {_KEYSPACE}.writes (node, at) VALUES (%s, toTimestamp(now()))",  # noqa: S608 -- no input
            consistency_level=ConsistencyLevel.ALL,
        )
        hosts = cluster.metadata.all_hosts()
        if len(hosts) < len(nodes):
            return f"{len(hosts)} of {len(nodes)} nodes have joined"
        for host in hosts:
            session.execute(write, (host.address,), host=host)
    finally:
        cluster.shutdown()
    return ""


def _make_table(session: Session, cluster: Cluster, nodes: int) -> None:
    if _KEYSPACE in cluster.metadata.keyspaces and "writes" in cluster.metadata.keyspaces[_KEYSPACE].tables:
        return
    # A slow node may have done at last what another is asked for next; both must have made the same table.
    replication = f"{{'class': 'NetworkTopologyStrategy', '{_DATACENTER}': {nodes}}}"
    for statement in (
        f"CREATE KEYSPACE IF NOT EXISTS {_KEYSPACE} WITH replication = {replication}",
        f"CREATE TABLE IF NOT EXISTS {_KEYSPACE}.writes (node text PRIMARY KEY, at timestamp) WITH ID = {_TABLE_ID}",
    ):
        session.execute(statement, timeout=_SCHEMA_S)
