"""Connections: address validation, versions, resumption, migration, draining, another implementation."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pylsqpack
import pytest
import uvloop
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import ErrorCode, FrameType, encode_frame
from aioquic.quic.configuration import QuicConfiguration
from curl_cffi import CurlHttpVersion
from curl_cffi import requests as curl

from edge.http3 import Http3Server, Http3Settings
from tests.edge.http3.harness import Running, Serve, eventually
from tests.edge.http3.scripted_client import connect_client


async def echo_app(scope: Any, receive: Any, send: Any) -> None:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/octet-stream"), (b"x-method", scope["method"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(body)})


async def test_under_load_a_client_first_proves_its_address(serve: Serve) -> None:
    running = await serve(echo_app, retry_above_handshakes=0)
    async with running.client() as client:
        assert client.connected
        assert (await client.request("GET", "/")).status == 200
    assert running.stats.retries_sent == 1


async def test_a_made_up_token_opens_nothing_under_load(serve: Serve) -> None:
    running = await serve(echo_app, retry_above_handshakes=0)

    def token(configuration: QuicConfiguration) -> None:
        configuration.token = b"t" * 60

    async with running.client(configure=token) as client:
        # It is as good as none: the client is sent through Retry.
        assert client.connected
    assert running.stats.retries_sent == 1


async def test_handshakes_that_stall_bring_retry_on_and_then_end(serve: Serve) -> None:
    running = await serve(echo_app, retry_above_handshakes=3, handshake_timeout_s=0.3)
    clients = []
    for _ in range(5):
        client = await connect_client(running.port, wait=False)
        client.reading = False
        clients.append(client)
    await eventually(lambda: running.stats.open_handshakes == 3 and running.stats.retries_sent >= 2)
    await eventually(lambda: running.stats.handshakes_failed >= 3)
    for client in clients:
        await client.close()
    await eventually(lambda: running.stats.open_connections == 0)


async def test_an_unknown_version_is_negotiated(serve: Serve) -> None:
    running = await serve(echo_app)

    def grease_first(configuration: QuicConfiguration) -> None:
        configuration.supported_versions = [0x1A2A3A4A, 0x00000001]

    async with running.client(configure=grease_first) as client:
        assert client.connected
    assert running.stats.version_negotiations_sent == 1


async def test_a_client_comes_back_with_its_ticket_but_without_early_data(serve: Serve) -> None:
    running = await serve(echo_app)
    tickets: list[Any] = []
    async with running.client(tickets=tickets) as client:
        await client.until(lambda: bool(tickets))
    assert tickets[0].max_early_data_size is None

    def resume(configuration: QuicConfiguration) -> None:
        configuration.session_ticket = tickets[0]

    async with running.client(configure=resume) as client:
        assert client.resumed
        assert (await client.request("GET", "/")).status == 200
    assert running.stats.resumed == 1


async def test_early_data_is_not_read_even_if_sent(serve: Serve) -> None:
    handshaken: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        handshaken.append(all(c.handshake_complete for c in running.server._connections))
        await echo_app(scope, receive, send)

    running = await serve(app)
    tickets: list[Any] = []
    async with running.client(tickets=tickets) as client:
        await client.until(lambda: bool(tickets))
    ticket = tickets[0]
    ticket.max_early_data_size = 0xFFFFFFFF

    def resume(configuration: QuicConfiguration) -> None:
        configuration.session_ticket = ticket

    await eventually(lambda: running.stats.open_connections == 0)
    async with running.client(configure=resume, raw=True, wait=False) as client:
        fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]
        section = pylsqpack.Encoder().encode(0, fields)[1]
        client.write(client.quic.get_next_available_stream_id(), encode_frame(1, section), end=True)
        assert not client.connected
        await client.until(lambda: client.answer(0).ended)
        assert client.resumed
    assert handshaken == [True]


async def test_tickets_are_bounded(serve: Serve) -> None:
    running = await serve(echo_app, session_tickets=2)
    for _ in range(4):
        tickets: list[Any] = []
        async with running.client(tickets=tickets) as client:
            await client.until(lambda tickets=tickets: bool(tickets))
    assert len(running.server._tickets) == 2


async def test_a_client_that_moves_is_followed(serve: Serve) -> None:
    seen: list[Any] = []
    moved = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])
        if scope["path"] == "/long":
            await moved.wait()
            seen.append(scope["client"])
        await echo_app(scope, receive, send)

    running = await serve(app)
    async with running.client() as client:
        long = client.begin("GET", "/long", end=True)
        await eventually(lambda: len(seen) == 1)
        await client.rebind()
        assert (await client.request("GET", "/")).status == 200
        moved.set()
        assert (await client.finish(long)).status == 200
    before, after, current = seen
    assert before != after
    assert current == after
    assert running.stats.migrations == 1


async def test_an_idle_connection_is_forgotten(serve: Serve) -> None:
    running = await serve(echo_app, idle_timeout_s=0.3)
    async with running.client() as client:
        assert client.connected
        await eventually(lambda: running.stats.open_connections == 0)
        assert running.server._routes == {}


async def test_draining_lets_requests_end_and_refuses_new_ones(serve: Serve) -> None:
    release = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 500_000})

    running = await serve(app)
    async with running.client() as client:
        first = client.begin("GET", "/", end=True)
        await eventually(lambda: running.stats.running_requests == 1)
        draining = asyncio.ensure_future(running.server.drain(30.0))
        await asyncio.sleep(0.1)
        late = await client.request("GET", "/late")
        assert late.reset == ErrorCode.H3_REQUEST_REJECTED
        release.set()
        answer = await client.finish(first)
        assert (answer.status, len(answer.body)) == (200, 500_000)
        await draining
        await client.until(lambda: client.terminated is not None)
        assert client.terminated is not None
        assert client.terminated.error_code == ErrorCode.H3_NO_ERROR
    assert running.stats.running_requests == 0


async def test_draining_announces_the_first_request_it_will_not_serve(serve: Serve) -> None:
    running = await serve(echo_app)
    async with running.client() as busy, running.client(raw=True) as idle:
        assert (await busy.request("GET", "/")).status == 200
        await idle.until(lambda: len(idle.answer(3).body) > 0)
        before = bytes(idle.answer(3).body)
        await running.server.drain(1.0)
        await idle.until(lambda: idle.terminated is not None)
        assert bytes(idle.answer(3).body)[len(before) :] == encode_frame(FrameType.GOAWAY, encode_uint_var(0))


def test_it_runs_on_uvloop_as_well(certificate: Any) -> None:
    async def scenario() -> None:
        options = Http3Settings(certificate_path=certificate[0], private_key_path=certificate[1])
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        server = Http3Server(echo_app, options, clock=lambda: 0)
        await server.start(sock)
        client = await connect_client(sock.getsockname()[1])
        for _ in range(5):
            answer = await client.request("POST", "/", body=b"x" * 500_000)
            assert len(answer.body) == 500_000
        await client.close()
        await server.drain(0.0)
        assert server.stats.internal_errors == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


async def test_draining_cancels_what_outlives_the_grace(serve: Serve) -> None:
    cancelled = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    running = await serve(app)
    async with running.client() as client:
        client.begin("GET", "/", end=True)
        await eventually(lambda: running.stats.running_requests == 1)
        async with asyncio.timeout(30):
            await running.server.drain(0.1)
        assert cancelled.is_set()


async def test_an_unusable_key_is_reported_and_the_socket_left_alone(serve: Serve, tmp_path: Any) -> None:
    settings = Http3Settings(certificate_path=tmp_path / "none.pem", private_key_path=tmp_path / "none.pem")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with pytest.raises(FileNotFoundError):
        await Http3Server(echo_app, settings, clock=lambda: 0).start(sock)
    assert sock.fileno() >= 0
    sock.close()


async def test_interim_responses_come_before_the_final_one(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert "http.response.informational" in scope["extensions"]
        upload = [(b"location", b"/upload/1"), (b"upload-draft-interop-version", b"8")]
        await send({"type": "http.response.informational", "status": 104, "headers": upload})
        await send({"type": "http.response.informational", "status": 104, "headers": [(b"upload-offset", b"5")]})
        await echo_app(scope, receive, send)

    running = await serve(app)
    async with running.client() as client:
        answer = await client.request("POST", "/up", body=b"hello")
        assert answer.statuses == [104, 104, 200]
        assert (b"location", b"/upload/1") in answer.heads[0]


async def test_a_client_that_waits_for_100_is_told_to_go_on(serve: Serve) -> None:
    running = await serve(echo_app)
    async with running.client() as client:
        stream = client.begin("POST", "/up", [(b"expect", b"100-continue")], end=False)
        answer = client.answer(stream)
        await client.until(lambda: answer.statuses == [100])
        client.send(stream, b"hello", end=True)
        assert bytes((await client.finish(stream)).body) == b"hello"


async def test_head_and_trailers_end_their_streams(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": True})
        await send({"type": "http.response.body", "body": b"hello"})
        if scope["method"] != "HEAD":
            await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]})

    running = await serve(app)
    async with running.client() as client:
        head = await client.request("HEAD", "/")
        assert (head.status, bytes(head.body), head.ended) == (200, b"", True)
        got = await client.request("GET", "/")
        assert bytes(got.body) == b"hello"
        assert got.heads[-1] == [(b"x-sum", b"1")]


def fetch(running: Running, method: str, body: bytes | None) -> Any:
    return curl.request(
        method,
        f"https://127.0.0.1:{running.port}/clip",
        data=body,
        http_version=CurlHttpVersion.V3ONLY,
        verify=False,
        timeout=10,
    )


async def test_another_implementation_gets_and_posts(serve: Serve) -> None:
    running = await serve(echo_app)
    got = await asyncio.to_thread(fetch, running, "GET", None)
    assert (got.status_code, got.content, got.headers["x-method"]) == (200, b"", "GET")
    body = bytes(range(256)) * 12_000
    posted = await asyncio.to_thread(fetch, running, "POST", body)
    assert (posted.status_code, posted.content == body) == (200, True)
    assert running.stats.requests == 2


async def test_a_stray_packet_for_no_connection_is_dropped(serve: Serve) -> None:
    running = await serve(echo_app)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stray:
        for packet in (b"", b"\x40" + b"x" * 50, b"\xc0\0\0\0\1\x08" + b"y" * 100):
            stray.sendto(packet, ("127.0.0.1", running.port))
    await eventually(lambda: running.stats.datagrams_dropped == 3)
    assert running.stats.open_connections == 0
