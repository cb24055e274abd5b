"""HTTP/3 where it is offered and works, else TCP: on our own front over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aioquic.h3.connection import ErrorCode

from deploy.ways import FAILURES_MOST, Http, Ways
from tests.edge.http3.conftest import certificate, serve  # noqa: F401 - fixtures
from tests.edge.http3.harness import Running, Serve


class Application:
    """Ends the connection under what is sent to /broken."""

    def __init__(self) -> None:
        self.end: Callable[[], None] = lambda: None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        if scope["path"] == "/broken":
            self.end()
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"over UDP"})


class Tcp(httpx.BaseTransport):
    """A server that says where its HTTP/3 is."""

    def __init__(self, offers: str) -> None:
        self.offers = offers
        self.asked = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        fields = {"Alt-Svc": self.offers} if self.offers else {}
        return httpx.Response(200, headers=fields, text="over TCP", extensions={"http_version": b"HTTP/1.1"})


Open = Callable[..., tuple[httpx.Client, Ways, Tcp]]


@pytest.fixture
def open_ways(certificate: tuple[Path, Path]) -> Iterator[Open]:  # noqa: F811
    opened: list[httpx.Client] = []

    def made(offers: str, http: Http = Http.AUTO, port: int = 443) -> tuple[httpx.Client, Ways, Tcp]:
        tcp, base = Tcp(offers), f"https://localhost:{port}"
        ways = Ways(tcp, httpx.URL(base), certificate[0], http)
        opened.append(httpx.Client(transport=ways, base_url=base, timeout=10))
        return opened[-1], ways, tcp

    yield made
    for client in opened:
        client.close()


@pytest.fixture
def silent() -> Iterator[int]:
    """A UDP port that takes everything and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield int(sock.getsockname()[1])


async def got(client: httpx.Client, path: str = "/") -> str:
    return (await asyncio.to_thread(client.get, path)).text


@pytest.fixture
async def running(serve: Serve) -> Running:  # noqa: F811
    app = Application()
    made = await serve(app)

    def end() -> None:
        for connection in list(made.server._connections):
            connection.close(ErrorCode.H3_INTERNAL_ERROR, "gone")

    app.end = end
    return made


async def test_http3_is_taken_once_it_is_offered(running: Running, open_ways: Open) -> None:
    client, ways, tcp = open_ways(f'h3=":{running.port}"; ma=60')
    assert (await got(client), ways.spoken) == ("over TCP", "HTTP/1.1")
    assert (await got(client), ways.spoken) == ("over UDP", "HTTP/3")
    assert (await got(client), tcp.asked) == ("over UDP", 1)


async def test_a_network_without_udp_is_asked_once(silent: int, open_ways: Open) -> None:
    client, ways, tcp = open_ways(f'h3=":{silent}"')
    assert [await got(client) for _ in range(4)] == ["over TCP"] * 4
    assert (tcp.asked, ways.spoken) == (4, "HTTP/1.1")


async def test_connections_that_break_are_made_anew_until_they_broke_too_often(
    running: Running, open_ways: Open
) -> None:
    client, _, tcp = open_ways(f'h3=":{running.port}"')
    await got(client)
    for _ in range(FAILURES_MOST - 1):
        with pytest.raises(httpx.TransportError):
            await got(client, "/broken")
        assert await got(client) == "over UDP"
    for _ in range(FAILURES_MOST):
        with pytest.raises(httpx.TransportError):
            await got(client, "/broken")
    assert (await got(client), tcp.asked) == ("over TCP", 2)


async def test_only_the_origin_is_reached_so(running: Running, open_ways: Open) -> None:
    client, _, tcp = open_ways(f'h3=":{running.port}"')
    await got(client)
    assert await got(client, "https://elsewhere/") == "over TCP"
    assert tcp.asked == 2


async def test_who_wants_http3_alone_gets_nothing_else(running: Running, silent: int, open_ways: Open) -> None:
    client, _, tcp = open_ways("", Http.HTTP3, running.port)
    assert await got(client) == "over UDP"
    client, _, tcp = open_ways("", Http.HTTP3, silent)
    with pytest.raises(httpx.ConnectError, match="does not answer over UDP"):
        await got(client)
    assert tcp.asked == 0


async def test_who_wants_http1_is_not_led_elsewhere(running: Running, open_ways: Open) -> None:
    client, _, _ = open_ways(f'h3=":{running.port}"', Http.HTTP1)
    assert [await got(client) for _ in range(3)] == ["over TCP"] * 3
