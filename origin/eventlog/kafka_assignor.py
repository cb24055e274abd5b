"""How Kafka's groups of ours share out partitions: `sharing`, in aiokafka's terms.

The member that Kafka makes the leader of a group calls `assign` for all; with its answer travel a round number and what
the member owes the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from itertools import groupby

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from origin.eventlog.handover import Holdings
from origin.eventlog.in_hand import Partition
from origin.eventlog.sharing import decode_answer, decode_state, encode_answer, encode_state, owed, share_out

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
        this_round = max(last + 1, time.time_ns() // 1_000_000)
        shares = share_out(group, sizes)
        debts = owed(group, sizes, shares)
        return {
            name: ConsumerProtocolMemberAssignment(_VERSION, _by_topic(share), encode_answer(this_round, debts[name]))
            for name, share in shares.items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        self._round, debts = decode_answer(assignment.user_data)
        self._holdings.owed = {topic.removeprefix(self._prefix): count for topic, count in debts.items()}


def _by_topic(share: Iterable[Partition]) -> list[tuple[str, list[int]]]:
    return [
        (topic, [number for _, number in partitions])
        for topic, partitions in groupby(sorted(share), key=lambda partition: partition[0])
    ]
