"""Processes whose engines are away: what is wrong with their own addresses is said at once, and they can be stopped."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.services.node import Node
from tests.e2e.roles import DATA, HOST, engine_settings, reelway
from tests.ports import free_port
from tests.waiting import until_blocking

pytestmark = pytest.mark.slow

NOBODY = f"{HOST}:1"
AWAY = engine_settings(
    f"cassandra://{NOBODY}/reelway?local_dc=dc1",
    f"s3://k:s@reelway?endpoint=http://{NOBODY}",
    f"kafka://{NOBODY}",
    f"redis://{NOBODY}",
)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    binds = {f"REELWAY_{name}_BIND": f"{HOST}:{free_port()}" for name in ("ADMIN", "ORIGIN", "ORIGIN_GRPC")}
    return {**AWAY, **binds, DATA: str(tmp_path / "data")}


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        yield f"{HOST}:{other.getsockname()[1]}"


def started(folder: Path, settings: dict[str, str]) -> Node:
    node = reelway("origin", folder / "origin", settings, "serve", "origin")
    node.start()
    return node


def refusal(folder: Path, settings: dict[str, str]) -> str:
    """What a process that does not start says last."""
    node = started(folder, settings)
    try:
        until_blocking(lambda: node.ended_with is not None)
    finally:
        node.kill()
    assert node.ended_with == 1
    assert "Traceback" not in node.log_end()
    return node.log_end().splitlines()[-1]


def test_grpc_without_certificates_on_an_address_that_others_reach_is_refused(
    settings: dict[str, str], tmp_path: Path
) -> None:
    said = refusal(tmp_path, {**settings, "REELWAY_ORIGIN_GRPC_BIND": f"0.0.0.0:{free_port()}"})
    assert "REELWAY_GRPC_TLS_CERT" in said


@pytest.mark.parametrize("setting", ["REELWAY_ORIGIN_GRPC_BIND", "REELWAY_ORIGIN_BIND"])
def test_a_taken_port_is_refused_with_the_setting_that_moves_it(
    settings: dict[str, str], taken: str, setting: str, tmp_path: Path
) -> None:
    said = refusal(tmp_path, {**settings, setting: taken})
    assert taken in said
    assert setting in said


@pytest.mark.parametrize("pause_s", [0.0, 0.3])
def test_a_process_that_is_told_to_stop_twice_while_it_waits_ends_with_0_and_no_trace(
    settings: dict[str, str], tmp_path: Path, pause_s: float
) -> None:
    node = started(tmp_path, settings)
    try:
        until_blocking(lambda: "waiting for an engine" in node.log_end())
        for _ in range(2):
            node.ask_to_stop()
            time.sleep(pause_s)
        until_blocking(lambda: node.ended_with is not None)
    finally:
        node.kill()
    assert node.ended_with == 0, node.log_end()
    assert "Traceback" not in node.log_end()
