"""How the driver reaches a cluster: policies, time limits, and what it may log. `connect` blocks."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from cassandra import ConsistencyLevel, UnresolvableContactPoints
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import (
    ConstantSpeculativeExecutionPolicy,
    ExponentialReconnectionPolicy,
    FallthroughRetryPolicy,
    HostStateListener,
    NoSpeculativeExecutionPolicy,
    RetryPolicy,
)
from cassandra.query import tuple_factory

from origin.metadata.base import MetadataError, MetadataMisplaced, MetadataUnprepared
from origin.metadata.cassandra_errors import as_metadata_error
from origin.metadata.cassandra_suspects import Suspects, SuspectsLast
from origin.metadata.cassandra_target import Target

logger = logging.getLogger(__name__)
CONNECT_TIMEOUT_S = 3.0
REQUEST_TIMEOUT_S = 2.0
"""How long one node may take for one request; another is asked then."""
CHANGE_TIMEOUT_S = 4.0
"""Of a compare-and-set: longer than nodes let one wait for another (cas_contention_timeout), so that they say so."""
SCHEMA_TIMEOUT_S = 60.0
HEARTBEAT_S = 4.0
"""A node that is frozen or cut off, and so closes no socket, is left out after about twice this time."""
RECONNECT_FIRST_S, RECONNECT_LAST_S = 0.5, 10.0
COMPARE_AND_SET = "compare-and-set"
"""The profile of statements that must not be sent twice."""


@dataclass(frozen=True, slots=True)
class Connected:
    cluster: Cluster
    session: Any
    suspects: Suspects


def connect(target: Target, keyspace: str | None) -> Connected:
    """A session on `keyspace`. Raises MetadataError."""
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    suspects = Suspects()
    try:
        cluster = _cluster(target, suspects)
    except UnresolvableContactPoints as error:
        raise as_metadata_error(error, target) from error
    try:
        return Connected(cluster, _session(cluster, target, keyspace), suspects)
    except BaseException:
        cluster.shutdown()
        raise


def _session(cluster: Cluster, target: Target, keyspace: str | None) -> Any:
    try:
        session = cluster.connect(keyspace)
    except Exception as error:
        raise _misfit(cluster, target, keyspace) or as_metadata_error(error, target) from error
    if (misfit := _misfit(cluster, target, keyspace)) is not None:
        raise misfit
    # Only now: a cluster that is away has no nodes that go.
    cluster.register_listener(_NodeLog(target))
    return session


def _misfit(cluster: Cluster, target: Target, keyspace: str | None) -> MetadataError | None:
    """What the cluster lacks, as far as it was reached: the driver only says that no node would do."""
    known = {host.datacenter for host in cluster.metadata.all_hosts()} - {None}
    if known and target.local_dc not in known:
        return MetadataMisplaced(
            f"{target.name} has no data centre {target.local_dc!r}: set local_dc to one of {', '.join(sorted(known))}"
        )
    if keyspace is not None and cluster.metadata.keyspaces and keyspace not in cluster.metadata.keyspaces:
        return MetadataUnprepared(f"{target.name} has no keyspace {keyspace}: run `reelway migrate`")
    return None


def _cluster(target: Target, suspects: Suspects) -> Cluster:
    return Cluster(
        list(target.hosts),
        port=target.hosts[0][1],
        auth_provider=PlainTextAuthProvider(target.user, target.password) if target.user else None,
        execution_profiles={
            EXEC_PROFILE_DEFAULT: _profile(
                SuspectsLast(target.local_dc, suspects, in_turn=True), RetryPolicy(), _speculation(target)
            ),
            # The driver cannot know whether a compare-and-set that got no answer was done.
            COMPARE_AND_SET: _profile(
                SuspectsLast(target.local_dc, suspects, in_turn=False),
                FallthroughRetryPolicy(),
                NoSpeculativeExecutionPolicy(),
                CHANGE_TIMEOUT_S,
            ),
        },
        connect_timeout=CONNECT_TIMEOUT_S,
        control_connection_timeout=CONNECT_TIMEOUT_S,
        idle_heartbeat_interval=HEARTBEAT_S,
        idle_heartbeat_timeout=HEARTBEAT_S,
        reconnection_policy=ExponentialReconnectionPolicy(RECONNECT_FIRST_S, RECONNECT_LAST_S),
        # The nodes prepare what they have not seen when it is first asked of them: a frozen one delays nobody.
        prepare_on_all_hosts=False,
        max_schema_agreement_wait=SCHEMA_TIMEOUT_S,
    )


def _speculation(target: Target) -> Any:
    if target.speculative_ms is None:
        return NoSpeculativeExecutionPolicy()
    return ConstantSpeculativeExecutionPolicy(target.speculative_ms / 1000, max_attempts=1)


def _profile(
    nodes: SuspectsLast, retries: RetryPolicy, speculation: Any, timeout_s: float = REQUEST_TIMEOUT_S
) -> ExecutionProfile:
    return ExecutionProfile(
        load_balancing_policy=nodes,
        retry_policy=retries,
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=timeout_s,
        row_factory=tuple_factory,
        speculative_execution_policy=speculation,
    )


class _NodeLog(HostStateListener):  # type: ignore[misc] # the driver has no types
    """One line when a node goes or comes; the driver's own lines come with every attempt."""

    def __init__(self, target: Target) -> None:
        self._name = target.name

    def on_up(self, host: Any) -> None:
        logger.info("a Cassandra node is up", extra={"store": self._name, "node": host.address})

    def on_down(self, host: Any) -> None:
        logger.warning("a Cassandra node is down", extra={"store": self._name, "node": host.address})

    def on_add(self, host: Any) -> None:
        logger.info("a Cassandra node joined", extra={"store": self._name, "node": host.address})

    def on_remove(self, host: Any) -> None:
        logger.info("a Cassandra node left", extra={"store": self._name, "node": host.address})
