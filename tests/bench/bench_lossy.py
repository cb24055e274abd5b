"""An upload over a link of 60 ms and 5 % loss each way: HTTP/3, HTTP/2 and HTTP/1.1, in turn, on one server.

Run it: `python -m tests.bench.bench_lossy`; `make bench-ingest` runs it too. JSON lines: seconds of each run and their
median. TCP goes by what takes every loss for a full queue, as phones do: CUBIC, or Reno where a namespace is not
allowed CUBIC; and by BBR where the kernel has it. `connections` is what `reelway upload` chooses by itself: several
over HTTP/1.1, one over HTTP/3.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from deploy import uploading
from deploy.client import Client
from deploy.clock import now_ms
from deploy.listen import Listener, Tls
from deploy.setting_forms import Bind
from deploy.ways import Http
from tests.bench.bench_ingest import gateway
from tests.bench.lossy_link import Link, NoLink, Place, lossy_link
from tests.edge.http3.certificates import write_certificate

PORT = 8443
MB = 1_000_000
CLIP_BYTES = 5 * MB
RUNS = 3
LONGEST_S = 240
LOSS_BASED = ("cubic", "reno")
MODEL_BASED = ("bbr",)


@dataclass(frozen=True, slots=True)
class Way:
    http: Http
    controls: tuple[str, ...]
    """TCP's congestion controls, the first that is allowed."""
    connections: int


WAYS = (
    Way(Http.HTTP3, (), 1),
    Way(Http.HTTP2, LOSS_BASED, 1),
    Way(Http.HTTP1, LOSS_BASED, 3),
    Way(Http.HTTP2, MODEL_BASED, 1),
    Way(Http.HTTP1, MODEL_BASED, 3),
)


async def serve(folder: Path, address: str) -> None:
    app, token = gateway(folder)
    listener = Listener(app, Bind(address, PORT), Tls(folder / "cert.pem", folder / "key.pem"), now_ms)
    await listener.start()
    sys.stdout.write(f"{token}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def send(address: str, folder: Path, token: str, http: Http, connections: int) -> None:
    """Prints the seconds from the first byte of the creation to the last acknowledgement."""
    client = Client(f"https://{address}:{PORT}", folder / "cert.pem", token, http)
    clip = folder / "clip.mp4"
    began = time.monotonic()
    uploading.send(client, uploading.begin(client, clip, "", connections), clip, lambda _: None)
    sys.stdout.write(f"{time.monotonic() - began}\n")
    client.close()


@contextmanager
def served(place: Place, folder: Path) -> Iterator[str]:
    """The server, in its namespace; gives a token."""
    command = [*place.inside(), sys.executable, "-m", "tests.bench.bench_lossy", "serve", str(folder), place.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def chosen(near: Place, controls: tuple[str, ...]) -> str | None:
    for control in controls:
        setting = f"net.ipv4.tcp_congestion_control={control}"
        if subprocess.run([*near.inside(), "sysctl", "-qw", setting], check=False, capture_output=True).returncode == 0:
            return control
    return None


def one(near: Place, far: Place, folder: Path, token: str, way: Way) -> float:
    """Seconds."""
    command = [*near.inside(), sys.executable, "-m", "tests.bench.bench_lossy", "send", far.address, str(folder)]
    words = [*command, token, way.http.value, str(way.connections)]
    return float(subprocess.run(words, check=True, capture_output=True, text=True, timeout=LONGEST_S).stdout)


def measure() -> None:
    link, runs = Link(), defaultdict[tuple[Way, str], list[float]](list)
    with tempfile.TemporaryDirectory() as name, lossy_link(link) as (near, far):
        folder = Path(name)
        write_certificate(folder, far.address)
        (folder / "clip.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(CLIP_BYTES - 12))
        with served(far, folder) as token:
            for _ in range(RUNS):
                for way in WAYS:
                    control = chosen(near, way.controls)
                    if control is not None or not way.controls:
                        runs[way, control or ""].append(one(near, far, folder, token, way))
    http3_s = statistics.median(next(iter(runs.values())))
    for (way, control), seconds in runs.items():
        median_s = statistics.median(seconds)
        figures = {
            "bench": "lossy",
            "measure": f"{CLIP_BYTES / MB:.0f} MB over {2000 * link.delay_s:.0f} ms, {link.loss:.0%} loss each way",
            "way": f"HTTP/{way.http.value}",
            "tcp": control,
            "connections": way.connections,
            "runs_s": [round(each, 2) for each in seconds],
            "median_s": round(median_s, 2),
            "times_http3": round(median_s / http3_s, 2),
        }
        sys.stdout.write(json.dumps(figures) + "\n")


def main() -> None:
    try:
        measure()
    except NoLink as error:
        sys.stdout.write(json.dumps({"bench": "lossy", "skipped": str(error)}) + "\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", folder, address]:
            uvloop.run(serve(Path(folder), address))
        case ["send", address, folder, token, http, connections]:
            send(address, Path(folder), token, Http(http), int(connections))
        case _:
            main()
