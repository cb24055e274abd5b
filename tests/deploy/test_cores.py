"""The cores of a process, by the kernel's files of its control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cores import quota_cores, usable_cores
from deploy.settings import MOST_JOBS, jobs_for, load

HERE = len(os.sched_getaffinity(0))


def tree(root: Path, own: str, limits: dict[str, str]) -> int:
    (root / "own").write_text(own)
    for folder, text in limits.items():
        (root / "groups" / folder).mkdir(parents=True, exist_ok=True)
        (root / "groups" / folder / "cpu.max").write_text(text)
    return usable_cores(root / "groups", root / "own")


def test_without_a_limit_a_process_has_the_cores_that_it_may_run_on(tmp_path: Path) -> None:
    assert tree(tmp_path, "0::/a.slice/b.service\n", {"a.slice/b.service": "max 100000\n"}) == HERE
    assert usable_cores(tmp_path / "nowhere", tmp_path / "nothing") == HERE


@pytest.mark.parametrize("folder", ["a.slice/b.service", "a.slice", "."])
def test_the_tightest_limit_counts_whether_it_is_the_own_or_one_above(tmp_path: Path, folder: str) -> None:
    limits = {"a.slice/b.service": "6400000 100000\n", folder: "100000 100000\n"}
    assert tree(tmp_path, "4:cpu:/old\n0::/a.slice/b.service\n", limits) == 1


def test_less_than_a_core_is_one(tmp_path: Path) -> None:
    assert tree(tmp_path, "0::/\n", {".": "20000 100000\n"}) == 1


@given(st.text())
def test_what_is_no_limit_limits_nothing(text: str) -> None:
    assert quota_cores(text) is None or len(text.split()) == 2


def test_a_job_has_two_cores_and_there_is_always_one_job_and_never_too_many(tmp_path: Path) -> None:
    assert [jobs_for(cores) for cores in (1, 2, 3, 4, 16, 4096)] == [1, 1, 1, 2, 8, MOST_JOBS]
    assert load(tmp_path, {}).packager_jobs == jobs_for(usable_cores())
