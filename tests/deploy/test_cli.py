"""The command line: what it refuses, in which words and with which exit code."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.cli.main import main
from deploy.demo import COMMENTS, VIEWERS, Published, viewer_weeks
from packager.sandbox import is_complete

CLIP = b"\0\0\0\x18ftypisom" + bytes(100)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `reelway` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["reelway", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        spoken = capsys.readouterr()
        return Ended(int(str(ended.value.code or 0)), spoken.out, spoken.err)

    return call


@pytest.fixture
def clip(tmp_path: Path) -> str:
    (tmp_path / "clip.mp4").write_bytes(CLIP)
    return "clip.mp4"


@pytest.fixture
def nobody() -> str:
    """An address that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize(
    "arguments", [("keys", "list"), ("keys", "rotate"), ("sign", "/v/1/hls.m3u8"), ("dlq", "list")]
)
def test_a_folder_where_nothing_ever_ran_is_left_alone(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert ended.code == 1
    assert str(tmp_path / "var") in ended.err
    assert "REELWAY_DATA" in ended.err
    assert list(tmp_path.iterdir()) == []


UNREADABLE = {
    "REELWAY_METADATA_URL": "cassandra://127.0.0.1/reelway?local_dc=dc1&bogus=1",
    "REELWAY_OBJECTS_URL": "s3://reelway?bogus=1",
    "REELWAY_EVENTS_URL": "kafka://127.0.0.1?bogus=1",
    "REELWAY_REDIS_URL": "redis://127.0.0.1?bogus=1",
}


ENGINES_OF = {
    ("serve", "origin"): tuple(UNREADABLE),
    ("migrate",): ("REELWAY_METADATA_URL", "REELWAY_OBJECTS_URL", "REELWAY_EVENTS_URL"),
    ("dlq", "list"): ("REELWAY_EVENTS_URL",),
}


@pytest.mark.parametrize(
    ("command", "setting"), [(command, setting) for command, settings in ENGINES_OF.items() for setting in settings]
)
def test_an_option_that_an_engine_does_not_have_is_one_line_that_names_the_setting(
    run: Run, nobody: str, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], setting: str
) -> None:
    monkeypatch.setenv("REELWAY_ADMIN_BIND", nobody)
    monkeypatch.setenv(setting, UNREADABLE[setting])
    ended = run(*command)
    assert ended.code == 1
    assert "Traceback" not in ended.err
    last = ended.err.splitlines()[-1]
    assert last.startswith(f"reelway: {setting}: ")
    assert "bogus" in last


def test_a_token_is_not_signed_with_a_key_that_no_server_has(run: Run, tmp_path: Path) -> None:
    assert run("token", "--user", "7").code == 1
    assert run("token", "--user", "ada").code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_bad_setting_stops_a_command_but_never_its_help(run: Run, tmp_path: Path) -> None:
    (tmp_path / "reelway.toml").write_text("gatway_bind = 'localhost:1'\n")
    refused = run("doctor")
    assert refused.code == 2
    assert "gatway_bind in reelway.toml is not a setting; did you mean gateway_bind?" in refused.err
    assert "REELWAY_" not in refused.err
    assert run("doctor", "--help").code == 0


@pytest.mark.parametrize("url", ["localhost:8443", "http://localhost:8443", "https://", ""])
def test_an_address_that_is_none_is_wrong_usage_and_not_a_server_down(run: Run, clip: str, url: str) -> None:
    ended = run("upload", clip, "--url", url)
    assert ended.code == 2
    assert "https://localhost:8443" in ended.err


def test_a_server_that_is_down_is_named_with_what_starts_one(run: Run, clip: str, nobody: str) -> None:
    ended = run("upload", clip, "--url", f"https://{nobody}")
    assert ended.code == 1
    assert nobody in ended.err
    assert "`reelway up`" in ended.err


def test_a_purge_without_a_server_says_so_in_words(run: Run, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELWAY_ADMIN_BIND", nobody)
    ended = run("purge", "--tag", "video-1")
    assert ended.code == 1
    assert "reelway up" in ended.err
    assert run("purge").code == 2


def test_a_certificate_that_was_named_is_never_made_or_replaced(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    monkeypatch.setenv("REELWAY_TLS_CERT", str(certificate))
    monkeypatch.setenv("REELWAY_TLS_KEY", str(key))
    missing = run("up")
    assert missing.code == 1
    assert f"{certificate} cannot be read" in missing.err
    assert not certificate.exists()
    certificate.write_text("not a certificate")
    key.write_text("not a key")
    assert "PEM" in run("up").err
    assert key.read_text() == "not a key"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "setting"),
    [(("up",), "REELWAY_GATEWAY_BIND"), (("serve", "scorer"), "REELWAY_SCORER_GRPC_BIND")],
    ids=["HTTP", "gRPC"],
)
def test_a_taken_port_is_named_with_the_setting_that_moves_it(
    run: Run, nobody: str, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], setting: str
) -> None:
    monkeypatch.setenv("REELWAY_ADMIN_BIND", nobody)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv(setting, f"127.0.0.1:{taken.getsockname()[1]}")
        ended = run(*command)
    assert ended.code == 1
    assert f"set {setting} to another" in ended.err.splitlines()[-1]


def test_grpc_without_certificates_on_every_address_is_refused_with_the_settings_that_give_them(
    run: Run, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWAY_ADMIN_BIND", nobody)
    monkeypatch.setenv("REELWAY_SCORER_GRPC_BIND", "0.0.0.0:7103")
    ended = run("serve", "scorer")
    assert ended.code == 1
    assert "loopback only" in ended.err
    assert "REELWAY_GRPC_TLS_CERT, _KEY and _CA" in ended.err


@pytest.mark.slow
def test_doctor_speaks_json_and_tells_a_port_that_is_taken(
    run: Run, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELWAY_ADMIN_BIND", nobody)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("REELWAY_GATEWAY_BIND", f"127.0.0.1:{port}")
        ended = run("doctor", "--json")
    checks = {row["check"]: row["ok"] for row in map(json.loads, ended.out.splitlines())}
    assert ended.code == 1
    assert checks[f"port {port}"] is False
    assert checks["data folder"] is True
    assert checks["sandbox"] is is_complete()


def test_demo_viewers_are_people_who_do_not_repeat_each_other_under_a_clip() -> None:
    clips = [
        Published(str(number), theme, 9000) for number, theme in enumerate(("math", "calm", "automata", "glitch") * 3)
    ]
    weeks = viewer_weeks(clips, 1_790_000_000_000)
    assert len({week.handle for week in weeks}) == len(VIEWERS)
    said = [comment for week in weeks for comment in week.comments]
    assert len(said) > len(clips)
    assert {text for _, text in said} <= set(COMMENTS)
    assert len(set(said)) > 0.8 * len(said)
