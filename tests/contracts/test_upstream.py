"""What every way upstream keeps: over a socket, to one of several and in process, against the same application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from edge.upstream import (
    HttpLimits,
    Upstream,
    UpstreamBroken,
    UpstreamError,
    UpstreamRequest,
    UpstreamTimedOut,
    UpstreamUnreachable,
    open_upstream,
)
from tests.ports import free_port

BACKENDS = ["http", "several", "inprocess"]
NOBODY = "127.0.0.1:1"


class Application:
    """Says what it was asked, and does what the path says."""

    def __init__(self) -> None:
        self.sent = 0
        self.cancelled = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == "/echo":
            await self._echo(scope, receive, send)
        elif path == "/stream":
            await self._stream(send)
        elif path == "/broken":
            await _start(send, [(b"content-length", b"10")])
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            raise RuntimeError("broken on purpose")
        elif path == "/silent":
            await asyncio.sleep(60)
        elif path == "/empty":
            await _start(send, [(b"content-length", b"0")], 204)
            await send({"type": "http.response.body", "body": b""})

    async def _echo(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        fields = [
            (b"X-Method", scope["method"].encode()),
            (b"X-Target", scope["raw_path"] + b"?" + scope["query_string"]),
            (b"X-Seen", b"|".join(name + b"=" + value for name, value in scope["headers"] if name.startswith(b"a-"))),
            (b"X-Twice", b"1"),
            (b"X-Twice", b"2"),
            (b"Content-Encoding", b"gzip"),
            (b"Content-Length", str(len(body) or 3).encode()),
        ]
        await _start(send, fields, 203)
        content = b"" if scope["method"] == "HEAD" else body or b"raw"
        await send({"type": "http.response.body", "body": content})

    async def _stream(self, send: Any) -> None:
        await _start(send, [])
        try:
            for _ in range(1000):
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                self.sent += 65536
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b""})
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


async def _start(send: Any, headers: list[tuple[bytes, bytes]], status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture(params=BACKENDS)
async def upstream(request: pytest.FixtureRequest, application: Application) -> AsyncIterator[Upstream]:
    if request.param == "inprocess":
        opened = open_upstream("inprocess:", app=application)
        yield opened
        await opened.close()
        return
    async with _served(application) as port:
        others = f",{NOBODY}" if request.param == "several" else ""
        opened = open_upstream(f"http://127.0.0.1:{port}{others}", HttpLimits(max_connections=4))
        yield opened
        await opened.close()


@asynccontextmanager
async def _served(application: Application) -> AsyncIterator[int]:
    port = free_port()
    config, stop = Config(), asyncio.Event()
    config.bind = [f"127.0.0.1:{port}"]
    config.accesslog = config.errorlog = None
    config.graceful_timeout = 0.1
    serving = asyncio.create_task(serve(application, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    await _listening(port)
    yield port
    stop.set()
    await serving


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


async def _read(upstream: Upstream, request: UpstreamRequest) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    response = await upstream.send(request)
    try:
        return response.status, list(response.headers), b"".join([block async for block in response.blocks()])
    finally:
        await response.aclose()


async def test_a_request_arrives_as_it_was_and_so_does_its_response(upstream: Upstream) -> None:
    asked = UpstreamRequest("GET", "/echo?a=%20b&c", ((b"a-one", b"1"), (b"a-two", b"2")))
    status, headers, body = await _read(upstream, asked)
    assert (status, body) == (203, b"raw")
    fields = dict(headers)
    assert fields[b"x-method"] == b"GET"
    assert fields[b"x-target"] == b"/echo?a=%20b&c"
    assert fields[b"x-seen"] == b"a-one=1|a-two=2"
    assert [value for name, value in headers if name == b"x-twice"] == [b"1", b"2"]
    assert fields[b"content-encoding"] == b"gzip"


async def test_a_body_can_be_sent(upstream: Upstream) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    headers = ((b"content-length", b"6"),)
    assert (await _read(upstream, UpstreamRequest("POST", "/echo", headers, body())))[2] == b"onetwo"


async def test_head_has_no_body(upstream: Upstream) -> None:
    status, headers, body = await _read(upstream, UpstreamRequest("HEAD", "/echo"))
    assert (status, dict(headers)[b"content-length"], body) == (203, b"3", b"")


async def test_an_empty_response_ends(upstream: Upstream) -> None:
    assert (await _read(upstream, UpstreamRequest("GET", "/empty")))[0] == 204


async def test_a_body_streams_whole(upstream: Upstream, application: Application) -> None:
    assert len((await _read(upstream, UpstreamRequest("GET", "/stream")))[2]) == 65_536_000


async def test_a_reader_that_stops_stops_the_sender(upstream: Upstream, application: Application) -> None:
    response = await upstream.send(UpstreamRequest("GET", "/stream"))
    blocks = response.blocks()
    await anext(blocks)
    await asyncio.sleep(0.2)
    assert application.sent < 16 * 1024 * 1024
    await blocks.aclose()  # type: ignore[attr-defined]
    await response.aclose()


async def test_a_body_that_breaks_off_is_an_error(upstream: Upstream) -> None:
    response = await upstream.send(UpstreamRequest("GET", "/broken"))
    with pytest.raises(UpstreamBroken):
        async for _ in response.blocks():
            pass
    await response.aclose()


async def test_many_requests_at_once_share_the_pool(upstream: Upstream) -> None:
    answers = await asyncio.gather(*(_read(upstream, UpstreamRequest("GET", "/echo")) for _ in range(40)))
    assert {status for status, _, _ in answers} == {203}


async def test_a_cancelled_request_leaves_the_pool_usable(upstream: Upstream) -> None:
    for _ in range(6):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await upstream.send(UpstreamRequest("GET", "/silent"))
    assert (await _read(upstream, UpstreamRequest("GET", "/echo")))[0] == 203


async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    upstream = open_upstream(f"http://{NOBODY}")
    with pytest.raises(UpstreamUnreachable):
        await upstream.send(UpstreamRequest("GET", "/"))
    await upstream.close()


async def test_a_server_that_does_not_answer_is_a_timeout_and_one_that_hangs_up_is_broken() -> None:
    released, ended = asyncio.Event(), asyncio.Semaphore(0)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if b"/silent" in line:
            await released.wait()
        writer.close()
        await writer.wait_closed()
        ended.release()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hasty = open_upstream(f"http://127.0.0.1:{port}", HttpLimits(head_s=0.2))
    with pytest.raises(UpstreamTimedOut):
        await hasty.send(UpstreamRequest("GET", "/silent"))
    await hasty.close()
    upstream = open_upstream(f"http://127.0.0.1:{port}")
    with pytest.raises(UpstreamBroken):
        await upstream.send(UpstreamRequest("GET", "/hangup"))
    await upstream.close()
    released.set()
    # One silent connection, and the other request was sent twice: a GET may be repeated.
    for _ in range(3):
        await ended.acquire()
    server.close()


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x/path", "inprocess:", "x"])
def test_a_url_that_names_no_upstream_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="upstream"):
        open_upstream(url)


def test_every_error_is_an_upstream_error() -> None:
    assert all(issubclass(kind, UpstreamError) for kind in (UpstreamBroken, UpstreamTimedOut, UpstreamUnreachable))


async def _server(answer: bytes) -> tuple[asyncio.Server, list[bytes]]:
    """Answers every request with the same bytes, or never where there are none; and what it was asked."""
    asked: list[bytes] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        if answer:
            writer.write(answer)
        else:
            await reader.read()
        writer.close()

    return await asyncio.start_server(serve_one, "127.0.0.1", 0), asked


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def test_of_several_a_silent_one_costs_its_turn_once_and_is_left_out_then() -> None:
    (frozen, silently), (answering, asked) = await _server(b""), await _server(OK)
    limits = HttpLimits(turn_s=0.3)
    upstream = open_upstream(f"http://127.0.0.1:{_port(frozen)},127.0.0.1:{_port(answering)}", limits)
    for _ in range(6):
        assert (await _read(upstream, UpstreamRequest("GET", "/")))[0] == 200
    assert (len(silently), len(asked)) == (1, 6)
    await upstream.close()
    frozen.close()
    answering.close()


async def test_of_several_no_other_is_given_what_one_may_have_done() -> None:
    (hanging_up, heard), (answering, asked) = await _server(b"HTTP/1.1 "), await _server(OK)
    upstream = open_upstream(f"http://127.0.0.1:{_port(answering)},127.0.0.1:{_port(hanging_up)}")
    with pytest.raises(UpstreamBroken):
        await upstream.send(UpstreamRequest("POST", "/"))
    assert (len(heard), len(asked)) == (1, 0)
    await upstream.close()
    hanging_up.close()
    answering.close()


async def test_of_several_the_last_word_is_raised_when_none_answers() -> None:
    upstream = open_upstream(f"http://{NOBODY},127.0.0.2:1")
    for _ in range(3):
        with pytest.raises(UpstreamUnreachable):
            await upstream.send(UpstreamRequest("GET", "/"))
    await upstream.close()


async def test_a_body_that_has_begun_may_pause_for_longer_than_another_would_be_waited_for() -> None:
    async def pausing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(OK[:-2])
        await asyncio.sleep(0.6)
        writer.write(b"ok")
        writer.close()

    server = await asyncio.start_server(pausing, "127.0.0.1", 0)
    upstream = open_upstream(f"http://127.0.0.1:{_port(server)},{NOBODY}", HttpLimits(turn_s=0.3))
    assert (await _read(upstream, UpstreamRequest("GET", "/")))[0] == 200
    await upstream.close()
    server.close()


async def test_who_finds_no_connection_free_in_time_is_told_so_and_the_next_gets_one(application: Application) -> None:
    async with _served(application) as port:
        opened = open_upstream(f"http://127.0.0.1:{port}", HttpLimits(max_connections=1, pool_s=0.2))
        busy = await opened.send(UpstreamRequest("GET", "/stream"))
        with pytest.raises(UpstreamUnreachable, match="no connection was free"):
            await opened.send(UpstreamRequest("GET", "/echo"))
        await busy.aclose()
        assert (await _read(opened, UpstreamRequest("GET", "/echo")))[0] == 203
        await opened.close()
