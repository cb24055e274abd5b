"""The HTTP/3 client on our own front, over real sockets: through httpx, as the upload client uses it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.alt_svc import Alternative
from deploy.http3_transport import Http3Transport, NoHttp3
from tests.edge.http3.harness import Running, Serve
from tests.ports import free_port

MIB = 1 << 20


class Application:
    """Answers with what it was told; keeps what it read."""

    def __init__(self) -> None:
        self.read = bytearray()
        self.clients: set[Any] = set()
        self.early = False
        self.slow = asyncio.Event()
        self.slow.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.clients.add(scope["client"])
        if self.early:
            await receive()
            await self._answer(send, 413, b"too large")
            return
        while True:
            await self.slow.wait()
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.read += message.get("body", b"")
            if not message.get("more_body"):
                break
        await self._answer(send, 200, f"{scope['method']} {len(self.read)}".encode())

    async def _answer(self, send: Any, status: int, body: bytes) -> None:
        headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def client_of(port: int, certificate: Path) -> AsyncIterator[httpx.Client]:
    transport = Http3Transport("localhost", Alternative("localhost", port), certificate)
    client = httpx.Client(transport=transport, base_url=f"https://localhost:{port}", timeout=20)
    yield client
    await asyncio.to_thread(client.close)


@pytest.fixture
async def app() -> Application:
    return Application()


@pytest.fixture
async def running(serve: Serve, app: Application) -> Running:
    return await serve(app)


async def test_calls_share_one_connection(running: Running, app: Application, certificate: tuple[Path, Path]) -> None:
    async with client_of(running.port, certificate[0]) as client:
        answers = await asyncio.gather(*(asyncio.to_thread(client.get, f"/{number}") for number in range(8)))
        posted = await asyncio.to_thread(client.post, "/", content=b"12345")
    assert {answer.text for answer in answers} == {"GET 0"}
    assert (posted.status_code, posted.text, posted.http_version) == (200, "POST 5", "HTTP/3")
    assert posted.headers["content-type"] == "text/plain"
    assert running.stats.connections == 1


async def test_a_long_body_is_streamed_and_waits_for_the_server(
    running: Running, app: Application, certificate: tuple[Path, Path]
) -> None:
    taken = 0

    def blocks() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(64):
            taken += 1
            yield bytes(256 << 10)

    app.slow.clear()
    async with client_of(running.port, certificate[0]) as client:
        sending = asyncio.create_task(asyncio.to_thread(client.put, "/", content=blocks()))
        await asyncio.sleep(0.5)
        # What the windows and the send buffer hold, and nothing near the whole.
        assert taken * (256 << 10) <= 4 * MIB
        app.slow.set()
        answer = await sending
    assert answer.text == f"PUT {16 * MIB}"


async def test_an_answer_that_comes_before_the_body_is_whole_ends_the_sending(
    running: Running, app: Application, certificate: tuple[Path, Path]
) -> None:
    app.early = True
    sent = 0

    def blocks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(400):
            sent += 1
            yield bytes(64 << 10)

    async with client_of(running.port, certificate[0]) as client:
        answer = await asyncio.to_thread(client.put, "/", content=blocks())
        assert (answer.status_code, answer.text) == (413, "too large")
        assert sent < 400
        app.early = False
        assert (await asyncio.to_thread(client.get, "/")).status_code == 200


async def test_a_certificate_that_is_not_trusted_is_refused(running: Running, tmp_path: Path) -> None:
    async with client_of(running.port, tmp_path / "none.pem") as client:
        client._transport._certificate = None  # type: ignore[attr-defined]
        with pytest.raises(NoHttp3, match="certificate"):
            await asyncio.to_thread(client.get, "/")


async def test_nobody_there_is_told_in_time(certificate: tuple[Path, Path]) -> None:
    async with client_of(free_port(), certificate[0]) as client:
        with pytest.raises(NoHttp3, match="does not answer over UDP"):
            await asyncio.to_thread(client.get, "/")


class Relay:
    """A NAT between client and server, which can change the port that it sends from."""

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._loop = asyncio.get_running_loop()
        self._inner = self._socket()
        self._inner.bind(("127.0.0.1", 0))
        self._client: Any = None
        self._outer: socket.socket | None = None
        self._loop.add_reader(self._inner, self._outwards)
        self.rebind()

    @property
    def port(self) -> int:
        return int(self._inner.getsockname()[1])

    def _socket(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        return made

    def rebind(self) -> None:
        if self._outer is not None:
            self._loop.remove_reader(self._outer)
            self._outer.close()
        self._outer = self._socket()
        self._outer.bind(("127.0.0.1", 0))
        self._loop.add_reader(self._outer, self._inwards, self._outer)

    def _outwards(self) -> None:
        for data, client in _waiting(self._inner):
            self._client = client
            assert self._outer is not None
            self._outer.sendto(data, self._server)

    def _inwards(self, outer: socket.socket) -> None:
        for data, _ in _waiting(outer):
            self._inner.sendto(data, self._client)

    def close(self) -> None:
        for each in (self._inner, self._outer):
            if each is not None:
                self._loop.remove_reader(each)
                each.close()


def _waiting(sock: socket.socket) -> Iterator[tuple[bytes, Any]]:
    while True:
        try:
            yield sock.recvfrom(2048)
        except BlockingIOError:
            return


async def test_a_client_whose_address_changes_goes_on(
    running: Running, app: Application, certificate: tuple[Path, Path]
) -> None:
    relay = Relay(running.port)

    def blocks(change: Callable[[], Any]) -> Iterator[bytes]:
        for number in range(64):
            if number in (20, 40):
                change()
            yield bytes(64 << 10)

    try:
        async with client_of(relay.port, certificate[0]) as client:
            loop = asyncio.get_running_loop()
            content = blocks(lambda: loop.call_soon_threadsafe(relay.rebind))
            answer = await asyncio.to_thread(client.put, "/", content=content)
            assert answer.text == f"PUT {64 * (64 << 10)}"
            assert running.stats.connections == 1
            assert running.stats.migrations >= 2
    finally:
        relay.close()


async def test_wherever_it_is_reached_a_server_proves_to_be_the_origin(
    running: Running, certificate: tuple[Path, Path]
) -> None:
    elsewhere = Alternative("127.0.0.1", running.port)
    for host, proven in (("localhost", True), ("other.example", False)):
        transport = Http3Transport(host, elsewhere, certificate[0])
        client = httpx.Client(transport=transport, base_url=f"https://{host}", timeout=10)
        try:
            if proven:
                assert (await asyncio.to_thread(client.get, "/")).text == "GET 0"
            else:
                with pytest.raises(NoHttp3):
                    await asyncio.to_thread(client.get, "/")
        finally:
            await asyncio.to_thread(client.close)


async def test_a_server_that_takes_nothing_more_is_waited_for_only_so_long(
    running: Running, app: Application, certificate: tuple[Path, Path]
) -> None:
    app.slow.clear()
    async with client_of(running.port, certificate[0]) as client:
        client.timeout = httpx.Timeout(20, write=0.3)
        with pytest.raises(httpx.TimeoutException):
            await asyncio.to_thread(client.put, "/", content=(bytes(256 << 10) for _ in range(64)))
    app.slow.set()


async def test_who_waits_is_told_when_the_client_is_closed(
    running: Running, app: Application, certificate: tuple[Path, Path]
) -> None:
    app.slow.clear()
    transport = Http3Transport("localhost", Alternative("localhost", running.port), certificate[0])
    client = httpx.Client(transport=transport, base_url=f"https://localhost:{running.port}", timeout=20)
    waiting = [asyncio.create_task(asyncio.to_thread(client.post, "/", content=b"x")) for _ in range(5)]
    while running.stats.requests < 5:  # noqa: ASYNC110 - counters have no event
        await asyncio.sleep(0.01)
    await asyncio.to_thread(transport.close)
    for each in waiting:
        with pytest.raises(httpx.TransportError):
            await each
    with pytest.raises(httpx.TransportError, match="closed"):
        await asyncio.to_thread(client.get, "/")
    app.slow.set()


async def test_what_the_server_stops_is_not_called_off_twice(
    running: Running, app: Application, certificate: tuple[Path, Path]
) -> None:
    app.early = True
    async with client_of(running.port, certificate[0]) as client:
        for _ in range(5):
            refused = await asyncio.to_thread(client.put, "/", content=(bytes(64 << 10) for _ in range(100)))
            assert refused.status_code == 413
    assert running.stats.connections == 1
