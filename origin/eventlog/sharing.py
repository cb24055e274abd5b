"""Which member of a group reads which partition. Rules file.

Partitions whose owner is at work stay with it, so that no work is done twice because somebody joined; the others are
shared evenly and move as little as that allows. What an owner keeps so beyond its even share it owes the others, and
has the group share out anew when it works on it no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from origin.eventlog.in_hand import Partition

Debts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Member:
    """What a member says of itself when it joins."""

    topics: frozenset[str]
    held: frozenset[Partition] = frozenset()
    busy: frozenset[Partition] = frozenset()
    """Those of the held ones of which the owner works on records."""
    round: int = 0
    """In which sharing it got them: who missed one may claim what others have got since."""


def share_out(members: Mapping[str, Member], sizes: Mapping[str, int]) -> dict[str, set[Partition]]:
    """Member → its partitions, of topics with these numbers of partitions."""
    shares: dict[str, set[Partition]] = {name: set() for name in members}
    for topic, size in sorted(sizes.items()):
        readers = sorted(name for name, member in members.items() if topic in member.topics)
        if readers:
            _share_topic(topic, size, {name: members[name] for name in readers}, shares)
    return shares


def _share_topic(topic: str, size: int, readers: Mapping[str, Member], shares: dict[str, set[Partition]]) -> None:
    owners = _owners([(topic, number) for number in range(size)], readers)
    counts = dict.fromkeys(readers, 0)
    free: list[Partition] = []
    # The busy ones first: what an owner keeps beside them counts against its part.
    for partition, owner in sorted(owners.items(), key=lambda each: not _is_busy(each[0], each[1], readers)):
        if owner is not None and (_is_busy(partition, owner, readers) or _has_room(owner, counts, size)):
            shares[owner].add(partition)
            counts[owner] += 1
        else:
            free.append(partition)
    for partition in free:
        name = min(readers, key=lambda name: (counts[name], len(shares[name]), name))
        shares[name].add(partition)
        counts[name] += 1


def _owners(partitions: Iterable[Partition], readers: Mapping[str, Member]) -> dict[Partition, str | None]:
    owners: dict[Partition, str | None] = dict.fromkeys(partitions)
    for name, member in sorted(readers.items(), key=lambda each: (each[1].round, each[0])):
        for partition in member.held:
            if partition in owners:
                owners[partition] = name
    return owners


def _is_busy(partition: Partition, owner: str | None, readers: Mapping[str, Member]) -> bool:
    return owner is not None and partition in readers[owner].busy


def _has_room(owner: str, counts: Mapping[str, int], size: int) -> bool:
    least, extra = divmod(size, len(counts))
    full = sum(count > least for count in counts.values())
    return counts[owner] < least or (counts[owner] == least and full < extra)


def owed(members: Mapping[str, Member], sizes: Mapping[str, int], shares: Mapping[str, Set[Partition]]) -> Debts:
    """Member → topic → how many partitions it has beyond its even share."""
    debts: dict[str, dict[str, int]] = {name: {} for name in members}
    for topic, size in sizes.items():
        counts = {
            name: sum(each == topic for each, _ in shares[name])
            for name, member in members.items()
            if topic in member.topics
        }
        least, extra = divmod(size, len(counts) or 1)
        # As many as the division leaves over may have one more.
        for place, name in enumerate(sorted(counts, key=lambda name: (-counts[name], name))):
            if (beyond := counts[name] - least - (place < extra)) > 0:
                debts[name][topic] = beyond
    return debts


def encode_state(held: Set[Partition], busy: Set[Partition], last_round: int) -> bytes:
    """What a member says beside its topics."""
    return json.dumps({"held": sorted(held), "busy": sorted(busy), "round": last_round}).encode()


def decode_state(topics: Iterable[str], state: bytes) -> Member:
    """A member by what it said; one that said nothing holds nothing."""
    if not state:
        return Member(frozenset(topics))
    said = json.loads(state)
    held, busy = (frozenset((topic, number) for topic, number in said[name]) for name in ("held", "busy"))
    return Member(frozenset(topics), held, busy, said["round"])


def encode_answer(this_round: int, debts: Mapping[str, int]) -> bytes:
    """What a member is told beside its partitions."""
    return json.dumps({"round": this_round, "owed": dict(debts)}).encode()


def decode_answer(answer: bytes) -> tuple[int, Mapping[str, int]]:
    """The round and the debts that a member was told of."""
    said = json.loads(answer)
    return said["round"], said["owed"]
