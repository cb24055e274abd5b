"""Which cluster node has which key: hash slots and the table that `CLUSTER SLOTS` gives. Rules file.

Of several nodes' answers the one with the highest epoch counts: a node that was cut off tells of the past.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SLOTS = 16384
Node = tuple[str, int]


def slot_of(key: str) -> int:
    """CRC16 of the key, or of what stands between its first `{` and the next `}` unless that is empty."""
    name = key.encode()
    start = name.find(b"{")
    if start >= 0 and (end := name.find(b"}", start + 1)) > start + 1:
        name = name[start + 1 : end]
    return binascii.crc_hqx(name, 0) % SLOTS


@dataclass(frozen=True, slots=True)
class Table:
    epoch: int
    primaries: tuple[Node | None, ...] = field(repr=False)
    """Of each slot; None: nobody has it."""
    nodes: frozenset[Node]
    """Primaries and replicas: whom to ask next time."""

    def with_slot(self, slot: int, node: Node) -> Table:
        """As a node told us that redirected us."""
        primaries = (*self.primaries[:slot], node, *self.primaries[slot + 1 :])
        return Table(self.epoch, primaries, self.nodes | {node})

    @property
    def uncovered(self) -> int:
        """Slots that nobody has."""
        return self.primaries.count(None)


def table_of(info: str, ranges: Sequence[Sequence[Any]], asked: Node) -> Table:
    """From the answers of `CLUSTER INFO` and `CLUSTER SLOTS`; a node that does not say its own host is the one asked.

    Raises ValueError for what is no such answer.
    """
    facts = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    primaries: list[Node | None] = [None] * SLOTS
    nodes: set[Node] = {asked}
    try:
        for first, last, *holders in ranges:
            found = [(_text(host) or asked[0], int(port)) for host, port, *_ in holders]
            primaries[int(first) : int(last) + 1] = [found[0]] * (int(last) - int(first) + 1)
            nodes.update(found)
        return Table(int(facts["cluster_current_epoch"]), tuple(primaries), frozenset(nodes))
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("no answer of a cluster") from error


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
