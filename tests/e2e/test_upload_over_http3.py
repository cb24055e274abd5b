"""`reelway upload` and the Python client over HTTP/3, against a whole system."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from deploy.client import Client
from deploy.ways import Http
from tests.e2e.clips import moving
from tests.e2e.system import RunningSystem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_the_command_takes_http3_by_itself_and_says_so(system: RunningSystem, tmp_path: Path) -> None:
    clip = moving(tmp_path / "clip.mp4", seconds=2)
    done = system.command("upload", str(clip), "--json", "--no-wait")
    assert done.returncode == 0, done.stderr
    (sent,) = [line for line in map(json.loads, done.stdout.splitlines()) if "sent_s" in line]
    assert sent["http"] == "HTTP/3"
    plain = system.command("upload", str(clip), "--no-wait", "--http", "1", "--description", "again")
    assert "over HTTP/1.1" in plain.stdout


def test_an_upload_goes_on_where_it_was_after_the_gateway_was_killed(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    moving(clip, "1280x720", 6, "-b:v", "24M", "-minrate", "24M", "-maxrate", "24M", "-bufsize", "2M")
    system = RunningSystem(tmp_path / "var")
    system.start()
    try:
        client = Client(system.public_url, certificate=system.certificate, http=Http.HTTP3)
        client.open_session(None)
        made = client.create_upload(clip, "killed")
        told: list[int] = []
        killer: list[threading.Thread] = []

        def again() -> None:
            system.kill()
            system.start()

        def progress(offset: int) -> None:
            told.append(offset)
            if offset and not killer:
                killer.append(threading.Thread(target=again))
                killer[0].start()

        client.send_file(made.location, clip, progress)
        killer[0].join()
        assert told == sorted(told)
        assert told[-1] == clip.stat().st_size
        assert client.spoken == "HTTP/3"
        assert [document["status"] for document in client.video_events(made.video_id)][-1] == "ready"
        client.close()
    finally:
        assert system.stop() == 0
