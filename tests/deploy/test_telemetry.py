"""Log lines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from deploy.telemetry import configure_logging

NASTY = "/v1/a\r\n12:00:00.000 info    forged: \x1b[31m\u202e\u2028\x00\ud800 é"


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.usefixtures("restored")
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
