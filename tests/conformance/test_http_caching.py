"""Mark Nottingham's HTTP cache tests against the cache node, in front of the suite's own origin, over plain
HTTP.

They take about a minute of real time: responses have to become stale. What is missing of 163 required: 3
tests are for browsers only, `interim-not-cached` needs a Node package that the suite folder does not have,
and `headers-store-Transfer-Encoding` has the origin send a Transfer-Encoding that no HTTP/1.1 client can
read.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
SUITE = ROOT.parent / "shared" / "suites" / "cache-tests"
REQUIRED, OPTIMAL = 155, 91
"""What passed when this was written (158 and 94), less a little for a busy machine: the tests sleep real
seconds. The best peer
passes 133 and 72.
"""


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    origin, proxy = free_port(), free_port()
    command = [sys.executable, "-m", "tests.conformance.cacheproxy", f"http://127.0.0.1:{origin}", str(proxy)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        _wait_for(proxy, process)
        yield origin, proxy
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the proxy did not start"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the proxy does not listen")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_cache_passes_more_of_the_outside_suite_than_every_peer(ports: tuple[int, int], tmp_path: Path) -> None:
    origin, proxy = ports
    judge = subprocess.run(
        [str(SUITE / "run"), f"http://127.0.0.1:{proxy}", str(origin), str(tmp_path / "out.json")],
        capture_output=True,
        text=True,
        timeout=220,
        check=True,
    )
    print(judge.stdout)
    scores = {
        line.split()[0]: [json.loads(counts).get("pass", 0) for counts in re.findall(r"\{.*?\}", line)]
        for line in judge.stdout.splitlines()
        if " REQ " in line
    }
    required, optimal, _ = scores.pop("this")
    assert required >= REQUIRED
    assert optimal >= OPTIMAL
    assert required > max(score[0] for score in scores.values())
