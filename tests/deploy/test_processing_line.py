"""What `reelway upload` says while a video is processed."""

from __future__ import annotations

from deploy.cli.upload import processing


def test_without_a_stage_only_the_status_is_said() -> None:
    assert processing({"status": "queued", "progress": 0.0}) == "queued"


def test_the_stage_and_each_rung_are_said() -> None:
    rungs = [
        {"height": 1920, "progress": 0.404, "published": False},
        {"height": 960, "progress": 1.0, "published": True},
        {"height": 640, "progress": 0.5, "published": True},
    ]
    document = {"status": "playable", "stage": "encoding_rest", "rungs": rungs}
    assert processing(document) == "playable, encoding rest: 1920p 40%, 960p published, 640p 50%"
    assert processing({"status": "processing", "stage": "checking", "rungs": []}) == "processing, checking"
