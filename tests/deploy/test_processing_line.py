"""What `reelway upload` says while a video is processed."""

from __future__ import annotations

import pytest

from deploy.cli.terminal import Reporter
from deploy.cli.upload import processing


def test_on_a_terminal_the_line_never_wraps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    Reporter(as_json=False).progress("clip.mp4", 0.5, "encoding rest: 1920p 1280p 40%, 960p published, 640p 50%")
    assert len(capsys.readouterr().out.removeprefix("\r\x1b[K")) == 59


def test_without_a_stage_only_the_status_is_said() -> None:
    assert processing({"status": "queued", "progress": 0.0}) == "queued"


def test_the_stage_and_each_rung_are_said() -> None:
    rungs = [
        {"height": 1920, "progress": 0.404, "published": False},
        {"height": 1280, "progress": 0.404, "published": False},
        {"height": 960, "progress": 1.0, "published": True},
        {"height": 640, "progress": 0.5, "published": True},
    ]
    document = {"status": "playable", "stage": "encoding_rest", "rungs": rungs}
    assert processing(document) == "encoding rest: 1920p 1280p 40%, 960p published, 640p 50%"
    assert processing({"status": "processing", "stage": "checking", "rungs": []}) == "checking"
