"""Kill -9 while records are appended and consumed: every acknowledged record is handed over, and in order."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from edge.gateway.spool.spool import open_spool
from tests.edge.gateway.spool_child import SETTINGS

ROOT = Path(__file__).parents[3]


def killed_after(folder: Path, round_: int, lines: int) -> list[str]:
    """What a child said before it was killed, after so many lines."""
    command = [sys.executable, "-m", "tests.edge.gateway.spool_child", str(folder), str(round_)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += child.stdout.read().splitlines(keepends=True)
    assert all(said), "the child died by itself"
    # The last line may be half written.
    return [line.strip() for line in said if line.endswith("\n")]


@pytest.mark.slow
async def test_every_acknowledged_record_is_handed_over_at_least_once_and_in_order(tmp_path):
    chance = random.Random(3)
    kept: set[str] = set()
    took: list[str] = []
    for round_ in range(8):
        for line in await asyncio.to_thread(killed_after, tmp_path, round_, chance.randrange(1, 900)):
            word, _, record = line.partition(" ")
            kept.add(record) if word == "kept" else took.append(record)
    spool = await open_spool(tmp_path, SETTINGS, lambda: 1)
    while records := await spool.peek(100):
        took += [each.payload.decode() for each in records]
        await spool.consume(records)
    await spool.close()
    assert kept
    assert kept <= set(took)
    assert len(list(tmp_path.glob("*.segment"))) <= 1
    assert first_times_are_in_order(took)


def first_times_are_in_order(took: list[str]) -> bool:
    """Of each writer's records, without the repeats after a crash."""
    by_writer: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for record in dict.fromkeys(took):
        writer, round_, number = record.split()
        by_writer[writer].append((int(round_), int(number)))
    return all(places == sorted(places) for places in by_writer.values())
