"""Uploads of 20 MB by tus-js-client: our gateway beside @tus/server, what a client waits behind its last byte, and
200 at once.

Run it: `python -m tests.bench.bench_ingest [NODE_MODULES]`. JSON lines. NODE_MODULES is a folder with @tus/server and
@tus/file-store (`npm i @tus/server@2.4.5 @tus/file-store@2.1.1`); without it the peer is left out. Both serve HTTP/1.1
without TLS on loopback and keep files in a temporary folder; of a busy machine the CPU time is the sturdier figure.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import uvloop

from tests.bench.last_byte import last_byte_ms

HERE = Path(__file__).parent
CLIENT = HERE.parent / "edge" / "ingest" / "tus_js.mjs"
MB = 1_000_000
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * (20 * MB // 256)
RUNS = 5
AT_ONCE, AT_ONCE_BYTES = 200, 2 * MB
_TICKS = os.sysconf("SC_CLK_TCK")


def say(measure: str, **figures: float | str) -> None:
    rounded = {name: round(each, 1) if isinstance(each, float) else each for name, each in figures.items()}
    sys.stdout.write(json.dumps({"bench": "ingest", "measure": measure, **rounded}) + "\n")


def cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS


def rss_mb(pid: int, name: str = "VmRSS") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1000


def gateway(folder: Path) -> tuple[Any, str]:
    """Our gateway on embedded stores, and a token."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    from deploy.clock import now_ms
    from edge.gateway.app import create_gateway
    from edge.gateway.issuers.local import LocalIssuer
    from edge.gateway.limits.memory import MemoryLimits
    from edge.gateway.services import Services
    from edge.gateway.settings import GatewaySettings
    from edge.ingest.gateway import create_ingest
    from edge.ingest.locks import open_locks
    from edge.ingest.settings import IngestSettings
    from edge.ingest.stats import IngestStats
    from origin.eventlog import open_eventlog
    from origin.metadata import open_metadata
    from origin.objects import open_objects
    from origin.uploads import Uploads

    ids = count(1000)
    objects, log = open_objects(f"file://{folder}/objects"), open_eventlog(f"sqlite:///{folder}/events.db", now_ms)
    metadata = open_metadata(f"sqlite:///{folder}/metadata.db")
    uploads = Uploads(metadata, objects, log, now_ms, lambda: next(ids))
    issuer, nothing = LocalIssuer(generate_private_key(SECP256R1()), "reelway"), None
    settings = GatewaySettings("https://localhost:8443", "https://localhost:8444", policies=())
    unused: Any = nothing
    services = Services(
        unused, unused, unused, lambda *_: ("", 0), issuer, MemoryLimits(), settings, now_ms, unused, unused, unused
    )
    ingest = IngestSettings(live_uploads=1000, unfinished_bytes=1 << 40)
    locks = open_locks("memory:")
    app = create_gateway(services, create_ingest(uploads, objects, ingest, now_ms, IngestStats(), locks))
    return app, issuer.mint(7, now_ms())[0]


async def serve(folder: Path) -> None:
    """Prints its port and a token."""
    import socket

    from hypercorn.config import Config

    from deploy.tcp import TcpServer

    app, token = gateway(folder)
    config = Config()
    config.accesslog, config.errorlog = None, None
    config.keep_alive_timeout = 30.0
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    await TcpServer(app, config).start(listener)
    sys.stdout.write(f"{port} {token}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


@contextmanager
def started(*command: str) -> Iterator[tuple[int, str, str]]:
    """Its process id, the collection's address and a token."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, _, token = process.stdout.readline().strip().partition(" ")
            yield process.pid, f"http://127.0.0.1:{port}/v1/uploads", token or "none"
        finally:
            process.kill()


def chunks(name: str, server: tuple[int, str, str], clip: Path) -> None:
    pid, endpoint, token = server
    for chunk_bytes in (1 << 20, 5 << 20):
        options = json.dumps({"chunkSize": chunk_bytes, "repeat": RUNS})
        before_ms = cpu_ms(pid)
        command = ["node", str(CLIENT), endpoint, token, str(clip), options]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert "error" not in told, told
        spent_ms = (cpu_ms(pid) - before_ms) / RUNS
        elapsed_s = statistics.median(told["elapsedMs"]) / 1000
        say(
            f"20 MB in chunks of {chunk_bytes >> 20} MiB",
            server=name,
            mb_per_s=len(CLIP) / MB / elapsed_s,
            cpu_ms=spent_ms,
            cpu_s_per_gb=spent_ms / len(CLIP) * 1e6,
            rss_mb=rss_mb(pid),
        )


async def at_once(name: str, server: tuple[int, str, str]) -> None:
    pid, endpoint, token = server
    body, headers = CLIP[:AT_ONCE_BYTES], {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}"}
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=120) as client:

        async def one() -> None:
            made = await client.post(endpoint, headers={"Upload-Length": str(len(body))})
            where = httpx.URL(endpoint).join(made.headers["location"])
            octets = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
            assert (await client.patch(where, headers=octets, content=body)).status_code == 204

        await one()
        before_mb, before_ms = rss_mb(pid), cpu_ms(pid)
        await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    total_gb = AT_ONCE * len(body) / 1e9
    say(
        f"{AT_ONCE} uploads of {len(body) // MB} MB at once",
        server=name,
        rss_before_mb=before_mb,
        rss_growth_mb=rss_mb(pid, "VmHWM") - before_mb,
        cpu_s_per_gb=(cpu_ms(pid) - before_ms) / 1000 / total_gb,
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        clip.write_bytes(CLIP)
        servers = {"reelway": (sys.executable, "-m", "tests.bench.bench_ingest", "--serve", folder)}
        if len(sys.argv) > 1:
            Path(folder, "peer").mkdir()
            servers["@tus/server"] = ("node", str(HERE / "tus_server.mjs"), sys.argv[1], f"{folder}/peer")
        for name, command in servers.items():
            with started(*command) as server:
                chunks(name, server, clip)
                waited_ms = asyncio.run(last_byte_ms(*server[1:], CLIP))
                say("20 MB in one request, last byte to answer", server=name, median_ms=waited_ms)
                asyncio.run(at_once(name, server))
    subprocess.run([sys.executable, "-m", "tests.bench.bench_lossy"], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        uvloop.run(serve(Path(sys.argv[2])))
    else:
        main()
