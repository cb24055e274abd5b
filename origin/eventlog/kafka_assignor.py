"""How Kafka's groups of ours share out partitions: `sharing`, in aiokafka's terms.

The member that Kafka makes the leader of a group calls `assign` for all; a round number travels with its answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from itertools import groupby

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from origin.eventlog.handover import Holdings, Partition
from origin.eventlog.sharing import decode_state, encode_state, share_out

_VERSION = 0


class Assignor(AbstractPartitionAssignor):  # type: ignore[misc]
    """One for each member, because it speaks of what this member holds."""

    name = "reelway"

    def __init__(self, holdings: Holdings, prefix: str) -> None:
        self._holdings = holdings
        self._prefix = prefix
        self._round = 0

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        state = encode_state(self._there(self._holdings.held), self._there(self._holdings.busy()), self._round)
        return ConsumerProtocolMemberMetadata(_VERSION, list(topics), state)

    def _there(self, partitions: Iterable[Partition]) -> set[Partition]:
        return {(self._prefix + topic, number) for topic, number in partitions}

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        group = {name: decode_state(said.subscription, said.user_data) for name, said in members.items()}
        topics = {topic for member in group.values() for topic in member.topics}
        sizes = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        last = max(member.round for member in group.values())
        # By the clock, because a member that was away may know of more rounds than all that are there.
        this_round = b"%d" % max(last + 1, time.time_ns() // 1_000_000)
        return {
            name: ConsumerProtocolMemberAssignment(_VERSION, _by_topic(share), this_round)
            for name, share in share_out(group, sizes).items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        self._round = int(assignment.user_data or 0)


def _by_topic(share: Iterable[Partition]) -> list[tuple[str, list[int]]]:
    return [
        (topic, [number for _, number in partitions])
        for topic, partitions in groupby(sorted(share), key=lambda partition: partition[0])
    ]
