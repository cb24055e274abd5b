"""What a store keeps of a batch of counts, as JSON. Rules file."""

from __future__ import annotations

import json
from collections.abc import Mapping

from origin.counters.base import Batch, Written
from origin.model import CountKind


def written_text(batch: Batch) -> str:
    """The batch's id and marks: what is at the end of the chain once it is written."""
    return _text([batch.batch_id, [[*place, offset] for place, offset in batch.marks.items()]])


def written_of(text: str) -> Written:
    batch_id, marks = json.loads(text)
    return Written(batch_id, {(group, topic, partition): offset for group, topic, partition, offset in marks})


def deltas_text(batch: Batch) -> str:
    return _text([[video_id, kind, delta] for (video_id, kind), delta in batch.deltas.items()])


def deltas_of(text: str) -> Mapping[tuple[int, CountKind], int]:
    return {(video_id, CountKind(kind)): delta for video_id, kind, delta in json.loads(text)}


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
