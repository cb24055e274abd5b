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


def started(folder: Path, settings: dict[str, str], role: str = "origin") -> Node:
    node = reelway(role, folder / role, settings, "serve", role)
    node.start()
    return node


def refusal(folder: Path, settings: dict[str, str], role: str = "origin") -> str:
    """What a process that does not start says last."""
    node = started(folder, settings, role)
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


def test_a_taken_udp_port_is_refused_before_an_engine_is_waited_for(settings: dict[str, str], tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind((HOST, 0))
        address = f"{HOST}:{other.getsockname()[1]}"
        said = refusal(tmp_path, {**settings, "REELWAY_EDGE_BIND": address}, "edge")
    assert f"UDP port {address} is taken" in said
    assert "REELWAY_EDGE_BIND" in said


@pytest.mark.parametrize("setting", ["REELWAY_ORIGIN_GRPC_BIND", "REELWAY_ORIGIN_BIND"])
def test_a_taken_port_is_refused_with_the_setting_that_moves_it(
    settings: dict[str, str], taken: str, setting: str, tmp_path: Path
) -> None:
    said = refusal(tmp_path, {**settings, setting: taken})
    assert taken in said
    assert setting in said


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of something that takes connections and never answers."""
    with socket.create_server((HOST, 0)) as server:
        yield f"{HOST}:{server.getsockname()[1]}"


@pytest.mark.parametrize("pause_s", [0.0, 0.3])
@pytest.mark.parametrize("cassandra", ["away", "silent"])
def test_a_process_that_is_told_to_stop_many_times_while_it_waits_ends_with_0_and_no_trace(
    settings: dict[str, str], silent: str, tmp_path: Path, cassandra: str, pause_s: float
) -> None:
    if cassandra == "silent":
        settings["REELWAY_METADATA_URL"] = f"cassandra://{silent}/reelway?local_dc=dc1"
    node = started(tmp_path, settings)
    try:
        until_blocking(lambda: "waiting for an engine" in node.log_end())
        while node.ended_with is None:
            # To the very end, also after the loop that hears of signals is closed.
            node.ask_to_stop()
            time.sleep(pause_s)
    finally:
        node.kill()
    assert node.ended_with == 0, node.log_end()
    assert "Traceback" not in node.log_end()


def test_grpc_certificates_that_cannot_be_read_are_refused_with_the_settings_that_name_them(
    settings: dict[str, str], tmp_path: Path
) -> None:
    named = {f"REELWAY_GRPC_TLS_{name}": str(tmp_path / "nowhere.pem") for name in ("CERT", "KEY", "CA")}
    said = refusal(tmp_path, {**settings, **named})
    assert "nowhere.pem cannot be read" in said
    assert "REELWAY_GRPC_TLS_CERT" in said


@pytest.mark.parametrize(
    ("setting", "url", "says"),
    [
        ("REELWAY_REDIS_URL", f"redis://{NOBODY}/09999", "plain number"),
        ("REELWAY_REDIS_URL", "rediss://127.0.0.1?ca_file=/nowhere.pem", "holds no certificates"),
        ("REELWAY_OBJECTS_URL", "s3://b", "cannot be a bucket's name"),
        ("REELWAY_EVENTS_URL", f"kafka://{NOBODY}?tls=1&ca=/nowhere.pem", "holds no certificates"),
    ],
)
def test_what_no_engine_that_comes_could_mend_is_refused_at_once_with_its_setting(
    settings: dict[str, str], tmp_path: Path, setting: str, url: str, says: str
) -> None:
    said = refusal(tmp_path, {**settings, setting: url})
    assert said.startswith(f"reelway: {setting}: ")
    assert says in said


def test_dead_letters_of_a_log_that_is_away_are_one_line_that_names_it(
    settings: dict[str, str], tmp_path: Path
) -> None:
    node = reelway("dlq", tmp_path / "dlq", settings, "dlq", "list")
    node.start()
    until_blocking(lambda: node.ended_with is not None)
    assert node.ended_with == 1
    assert node.log.read_text() == (
        f"reelway: no broker of kafka://{NOBODY} can be used: connection refused; "
        "start its brokers, or correct REELWAY_EVENTS_URL\n"
    )
