"""The topics of the system, as an engine that must be told of them should have them. Rules file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from origin.eventlog.retention import Retention
from origin.events import DEAD_LETTERS, Topic

_TIMERS = frozenset(topic for topic in Topic if topic.startswith(f"{Topic.WEBHOOKS}.retry."))
_ONE_PARTITION = frozenset({Topic.PURGES, Topic.UPLOADS_REVIEW, *_TIMERS, *DEAD_LETTERS.values()})
"""Read whole by everyone who reads them, so sharing them out would gain nothing; a timer's records are due in their
order, and moving them on is no work to share."""


@dataclass(frozen=True, slots=True)
class TopicShape:
    name: str
    partitions: int
    replication: int
    retention_ms: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made, and what is there but less than wanted."""

    missing: tuple[TopicShape, ...]
    complaints: tuple[str, ...]


def topic_names() -> list[str]:
    """Every topic, dead letters included."""
    return list(dict.fromkeys([*Topic, *DEAD_LETTERS.values()]))


def wanted(prefix: str, partitions: int, replication: int, retention: Retention) -> list[TopicShape]:
    """Every topic as it should be."""
    return [
        TopicShape(prefix + name, 1 if name in _ONE_PARTITION else partitions, replication, retention.age_of(name))
        for name in topic_names()
    ]


def plan(shapes: Iterable[TopicShape], found: Mapping[str, TopicShape]) -> Plan:
    """Compare what is wanted with what was found."""
    missing: list[TopicShape] = []
    complaints: list[str] = []
    for shape in shapes:
        if shape.name not in found:
            missing.append(shape)
        else:
            complaints += _complaints(shape, found[shape.name])
    return Plan(tuple(missing), tuple(complaints))


def _complaints(shape: TopicShape, found: TopicShape) -> Sequence[str]:
    complaints = []
    if found.partitions < shape.partitions:
        complaints.append(
            f"topic {shape.name} has {found.partitions} of {shape.partitions} partitions: add them with Kafka's own "
            "tools while nothing is under way, because keys then change their partitions"
        )
    if found.replication < shape.replication:
        complaints.append(
            f"topic {shape.name} has {found.replication} of {shape.replication} replicas: a broker lost may lose "
            "records; reassign its partitions with Kafka's own tools"
        )
    return complaints


def min_in_sync(replication: int) -> int:
    """How many replicas must have a record before it is acknowledged: all but one, so that one may be away."""
    return max(1, replication - 1)
