"""The scorer's state as bytes, and back. Rules file.

A NumPy archive of columns without pickles: numbers exactly as they are, so that a scorer that goes on from a
snapshot makes the same lists as one that never stopped.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feed.features import UserState
from feed.model.scorer import Scorer
from feed.settings import ScorerSettings

VERSION = 1
Offsets = Mapping[tuple[str, int], int]
"""(topic, partition) → the next offset wanted."""
Arrays = dict[str, NDArray[Any]]


class BadSnapshot(ValueError):
    """Not a snapshot, damaged, or of another version or of settings that do not fit."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    scorer: Scorer
    offsets: Offsets
    waiting: tuple[int, ...]
    """Users whose newest list had not been written."""


def encode(scorer: Scorer, offsets: Offsets, waiting: Iterable[int] = ()) -> bytes:
    table = scorer.table
    head = {
        "version": VERSION,
        "now_ms": scorer.now_ms,
        "applied": scorer.applied,
        "waiting": list(waiting),
        "publications": table.publications,
        "scales": [scale.since_ms for scale in _scales(scorer)],
        "tags": [sorted(candidate.tags) for candidate in table.candidates],
        "offsets": [[topic, partition, offset] for (topic, partition), offset in sorted(offsets.items())],
    }
    rows = min(table.count, len(scorer.pairs.weights))
    arrays: Arrays = {f"video.{name}": column for name, column in table.columns().items()}
    arrays |= {
        "head": np.frombuffer(json.dumps(head).encode(), np.uint8),
        "neighbours": scorer.pairs.neighbours[:rows],
        "weights": scorer.pairs.weights[:rows],
        "trending": scorer.shelves.trending,
        "fresh": scorer.shelves.fresh,
        "event_ids": np.fromiter(scorer.event_ids, np.int64, len(scorer.event_ids)),
    }
    arrays |= _encode_users(scorer)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def decode(data: bytes, settings: ScorerSettings) -> Snapshot:
    """The scorer as it was. Raises BadSnapshot."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays: Arrays = {name: archive[name] for name in archive.files}
        return _restore(arrays, settings)
    except (ValueError, KeyError, TypeError, IndexError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise BadSnapshot(f"not a snapshot of the scorer: {error}") from error


def _restore(arrays: Arrays, settings: ScorerSettings) -> Snapshot:
    head = json.loads(arrays["head"].tobytes())
    if head["version"] != VERSION:
        raise BadSnapshot(f"snapshot version {head['version']}, this is {VERSION}")
    scorer = Scorer(settings)
    scorer.now_ms, scorer.applied = head["now_ms"], head["applied"]
    columns = {name[6:]: column for name, column in arrays.items() if name.startswith("video.")}
    scorer.table.load(columns, head["tags"], head["publications"])
    scorer.pairs.load(arrays["neighbours"], arrays["weights"])
    for scale, since_ms in zip(_scales(scorer), head["scales"], strict=True):
        scale.since_ms = since_ms
    scorer.shelves.trending, scorer.shelves.fresh = arrays["trending"], arrays["fresh"]
    scorer.event_ids.update(dict.fromkeys(arrays["event_ids"].tolist()))
    _restore_users(scorer, arrays)
    offsets = {(topic, partition): offset for topic, partition, offset in head["offsets"]}
    return Snapshot(scorer, offsets, tuple(head["waiting"]))


def _scales(scorer: Scorer) -> tuple[Any, ...]:
    return (scorer.table.popularity_scale, scorer.table.outcome_scale, scorer.pairs.scale)


def _encode_users(scorer: Scorer) -> Arrays:
    users = list(scorer.users.values())
    return {
        "users": np.fromiter(scorer.users, np.int64, len(users)),
        "listed_as": np.frombuffer("".join(user.listed_as for user in users).encode(), np.uint8),
        "last_ms": np.array([user.last_ms for user in users], np.int64),
        **_ragged("slots", ([slot for slot, _ in user.positives] for user in users), np.int64),
        **_ragged("slot_weights", ([weight for _, weight in user.positives] for user in users), np.float64),
        **_ragged("tag_keys", (user.tags.keys() for user in users), np.int64),
        **_ragged("tag_values", (user.tags.values() for user in users), np.float64),
        **_ragged("creator_keys", (user.creators.keys() for user in users), np.int64),
        **_ragged("creator_values", (user.creators.values() for user in users), np.float64),
        **_ragged("seen", (user.seen for user in users), np.uint8),
        **_ragged("listed", (user.listed for user in users), np.int64),
    }


def _restore_users(scorer: Scorer, arrays: Arrays) -> None:
    names = (
        *("slots", "slot_weights", "tag_keys", "tag_values"),
        *("creator_keys", "creator_values", "seen", "listed"),
    )
    rows = zip(*(_rows(arrays, name) for name in names), strict=True)
    ids, last_ms = arrays["users"].tolist(), arrays["last_ms"].tolist()
    letters = arrays["listed_as"].tobytes().decode()
    for user_id, last, row in zip(ids, last_ms, rows, strict=True):
        slots, weights, tag_keys, tag_values, creator_keys, creator_values, seen, listed = row
        scorer.users[user_id] = UserState(
            last,
            list(zip(slots, weights, strict=True)),
            dict(zip(tag_keys, tag_values, strict=True)),
            dict(zip(creator_keys, creator_values, strict=True)),
            bytearray(seen),
            tuple(listed),
            letters[: len(listed)],
        )
        letters = letters[len(listed) :]


def _ragged(name: str, rows: Iterable[Iterable[Any]], dtype: Any) -> Arrays:
    """Rows of different lengths as one column and the lengths."""
    lists = [list(row) for row in rows]
    flat = [value for row in lists for value in row]
    return {
        f"user.{name}": np.array(flat, dtype),
        f"user.{name}.length": np.array([len(row) for row in lists], np.int64),
    }


def _rows(arrays: Arrays, name: str) -> list[list[Any]]:
    flat = arrays[f"user.{name}"].tolist()
    ends = np.cumsum(arrays[f"user.{name}.length"]).tolist()
    return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]
