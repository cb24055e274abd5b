"""A full disk: a clear error, nothing acknowledged is lost, and work goes on when there is room again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("store", ["objects", "eventlog", "metadata"])
def test_a_full_disk_loses_nothing_that_was_acknowledged(store, tmp_path):
    child = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("full_disk_children.py")), store, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
