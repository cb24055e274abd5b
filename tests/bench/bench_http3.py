"""The HTTP/3 front beside a bare aioquic server: MB/s and the server's CPU-seconds per GB of body.

Each server runs in a process of its own and its CPU time is what `os.wait4` says when it ends; the client is
aioquic's protocol in this process, so both share the machine: trust CPU-seconds and ratios, not MB/s.

Run it: `python -m tests.bench.bench_http3`. JSON lines.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent

from edge.http3 import Http3Server, Http3Settings
from tests.edge.http3.certificates import write_certificate

BODY = bytes(1_000_000)
REQUESTS = 40
CONNECTIONS = 4


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Takes any body; answers GET with a megabyte."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": BODY if scope["method"] == "GET" else b""})


class BareServer(QuicConnectionProtocol):
    """The least an aioquic server can do for the same answers: no limits, no backpressure, no ASGI."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._http: H3Connection | None = None
        self._gets: set[int] = set()

    def quic_event_received(self, event: QuicEvent) -> None:
        if self._http is None:
            self._http = H3Connection(self._quic)
        for http_event in self._http.handle_event(event):
            if isinstance(http_event, HeadersReceived) and (b":method", b"GET") in http_event.headers:
                self._gets.add(http_event.stream_id)
            if isinstance(http_event, HeadersReceived | DataReceived) and http_event.stream_ended:
                self._http.send_headers(http_event.stream_id, [(b":status", b"200")])
                body = BODY if http_event.stream_id in self._gets else b""
                self._http.send_data(http_event.stream_id, body, True)


async def serve_front(sock: socket.socket, folder: Path, options: dict[str, Any]) -> None:
    settings = Http3Settings(certificate_path=folder / "cert.pem", private_key_path=folder / "key.pem", **options)
    server = Http3Server(app, settings, clock=lambda: time.time_ns() // 1_000_000)
    await server.start(sock)
    await asyncio.Event().wait()


async def serve_bare(sock: socket.socket, folder: Path, options: dict[str, Any]) -> None:
    del options
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: QuicServer(configuration=configuration, create_protocol=BareServer), sock=sock
    )
    await asyncio.Event().wait()


SERVERS: dict[str, Any] = {"front": serve_front, "bare_aioquic": serve_bare}


class Served:
    """A server process; `cpu_s` is known once it has been stopped."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cpu_s = 0.0


@contextlib.contextmanager
def running(kind: str, folder: Path, options: dict[str, Any], loop_factory: Callable[[], Any]) -> Iterator[Served]:
    """Fork a server; stop it by its pid and read its accounting."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    served = Served(sock.getsockname()[1])
    pid = os.fork()
    if pid == 0:
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(SERVERS[kind](sock, folder, options))
        finally:
            os._exit(1)
    sock.close()
    try:
        yield served
    finally:
        os.kill(pid, signal.SIGKILL)
        _, _, usage = os.wait4(pid, 0)
        served.cpu_s = usage.ru_utime + usage.ru_stime


class Client(QuicConnectionProtocol):
    """Requests one after the other on one connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._http = H3Connection(self._quic)
        self._done: asyncio.Future[int] | None = None
        self._received = 0

    async def request(self, method: str, body: bytes | None) -> int:
        """Returns the bytes of the answer's body."""
        self._done = asyncio.get_running_loop().create_future()
        self._received = 0
        stream = self._quic.get_next_available_stream_id()
        head = [(b":method", method.encode()), (b":scheme", b"https"), (b":authority", b"localhost"), (b":path", b"/")]
        self._http.send_headers(stream, head, end_stream=body is None)
        if body is not None:
            self._http.send_data(stream, body, True)
        self.transmit()
        return await self._done

    def quic_event_received(self, event: QuicEvent) -> None:
        for http_event in self._http.handle_event(event):
            if isinstance(http_event, DataReceived):
                self._received += len(http_event.data)
            ended = isinstance(http_event, HeadersReceived | DataReceived) and http_event.stream_ended
            if ended and self._done is not None and not self._done.done():
                self._done.set_result(self._received)


async def load(port: int, method: str, connections: int, requests: int) -> float:
    """Wall seconds for `requests` of a megabyte, shared out over the connections."""
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE, max_data=16_000_000, max_stream_data=16_000_000
    )

    async def one(count: int) -> None:
        async with connect("127.0.0.1", port, configuration=configuration, create_protocol=Client) as client:
            for _ in range(count):
                size = await client.request(method, BODY if method == "POST" else None)
                if method == "GET" and size != len(BODY):
                    raise SystemExit("a body is not whole")

    begin = time.perf_counter()
    await asyncio.gather(*(one(requests // connections) for _ in range(connections)))
    return time.perf_counter() - begin


def idle_cpu(kind: str, folder: Path, options: dict[str, Any], loop_factory: Callable[[], Any]) -> float:
    """CPU seconds of a server that starts and serves one request: taken off each measure."""
    with running(kind, folder, options, loop_factory) as served:
        time.sleep(0.5)
        asyncio.run(load(served.port, "GET", 1, 1))
    return served.cpu_s


def measure(
    kind: str, folder: Path, options: dict[str, Any], loop_factory: Callable[[], Any]
) -> Iterator[dict[str, Any]]:
    base_s = idle_cpu(kind, folder, options, loop_factory)
    for method, connections in (("GET", 1), ("GET", CONNECTIONS), ("POST", 1), ("POST", CONNECTIONS)):
        with running(kind, folder, options, loop_factory) as served:
            time.sleep(0.5)
            wall_s = asyncio.run(load(served.port, method, connections, REQUESTS))
        total_gb = REQUESTS * len(BODY) / 1e9
        yield {
            "bench": "http3",
            "server": kind,
            "method": method,
            "connections": connections,
            "mb_per_s": round(total_gb * 1000 / wall_s, 1),
            "cpu_s_per_gb": round(max(0.0, served.cpu_s - base_s) / total_gb, 1),
            **options,
        }


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=[*SERVERS], action="append")
    parser.add_argument("--datagram-bytes", type=int)
    parser.add_argument("--congestion-control", choices=["reno", "cubic"])
    parser.add_argument("--uvloop", action="store_true")
    arguments = parser.parse_args()
    options: dict[str, Any] = {}
    if arguments.datagram_bytes:
        options["max_datagram_bytes"] = arguments.datagram_bytes
    if arguments.congestion_control:
        options["congestion_control"] = arguments.congestion_control
    loop_factory: Callable[[], Any] = asyncio.new_event_loop
    if arguments.uvloop:
        import uvloop

        loop_factory = uvloop.new_event_loop
    with tempfile.TemporaryDirectory() as name:
        write_certificate(Path(name))
        for kind in arguments.server or SERVERS:
            for line in measure(kind, Path(name), options, loop_factory):
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
