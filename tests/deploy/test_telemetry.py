"""Log lines and metrics."""

from __future__ import annotations

import json
import logging
from dataclasses import fields

import pytest

from deploy.telemetry import configure_logging, exposition
from edge.http3.stats import Http3Stats
from edge.stats import EdgeStats
from feed.stats import FeedStats, ScorerStats
from packager.worker import WorkerStats

NASTY = "/v1/a\r\n12:00:00.000 info    forged: \x1b[31m\u202e\u2028\x00\ud800 é"


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_client_sent_begins_no_line_of_its_own(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(form, "info")
    logging.getLogger("access").info("GET %s", NASTY, extra={"path": NASTY})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    if form == "json":
        assert json.loads(line)["path"] == NASTY
    else:
        assert r"/v1/a\r\n12:00" in line
        assert line.endswith("é")


def test_a_field_never_replaces_what_the_line_itself_says(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "info")
    logging.getLogger("access").info("seen", extra={"at": "topic:0:7", "level": "none"})
    line = json.loads(capsys.readouterr().err)
    assert line["at"].startswith("20")
    assert line["level"] == "info"


@pytest.mark.parametrize(
    ("stats", "gauges"),
    [
        (EdgeStats, {"in_flight", "in_flight_bytes"}),
        (Http3Stats, {"open_connections", "open_handshakes", "running_requests"}),
        (FeedStats, {"pool_videos", "pool_refreshed_ms"}),
        (
            ScorerStats,
            {"pending", "checkpoint_bytes", "checkpoint_s", "users", "videos", "last_event_ms"},
        ),
        (WorkerStats, {"running", "waiting", "oldest_wait_s", "peak_rss_bytes"}),
    ],
)
def test_what_may_fall_again_is_a_gauge_and_the_rest_are_counters(stats: type, gauges: set[str]) -> None:
    text = exposition({"it": stats()}).decode()
    kinds = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE"))
    assert {name.removeprefix("reelway_it_") for name, kind in kinds.items() if kind == "gauge"} == gauges
    assert len(kinds) == len(fields(stats))
