"""Clients that cancel, stall, flood or lie: the listener and everybody else go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aioquic.h3.connection import ErrorCode, FrameType, encode_frame

from tests.edge.http3.harness import Serve, eventually
from tests.edge.http3.scripted_client import DeafQuicConnection, ScriptedClient


async def answer_ok(send: Any, body: bytes = b"ok", status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def ok_app(scope: Any, receive: Any, send: Any) -> None:
    await answer_ok(send)


class Recorder:
    """Waits for its client to leave, and records how it ended."""

    def __init__(self) -> None:
        self.started = 0
        self.messages: list[str] = []
        self.cancelled = 0
        self.send_errors = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.started += 1
        try:
            if scope["path"] == "/stream":
                await self._stream(send)
            while True:
                message = await receive()
                self.messages.append(message["type"])
                if message["type"] == "http.disconnect" and scope["path"] != "/stubborn":
                    return
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _stream(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        except OSError:
            self.send_errors += 1


async def still_serves(serve_port: Any) -> None:
    async with serve_port.client() as other:
        assert (await other.request("GET", "/fine")).status == 200


async def test_body_and_fin_after_an_early_response_hurt_nobody(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer_ok(send, status=405 if scope["method"] == "POST" else 200)

    running = await serve(app)
    async with running.client(quic_type=DeafQuicConnection) as client:
        upload = client.begin("POST", "/nope", end=False)
        answer = await client.finish(upload)
        assert answer.status == 405
        client.send(upload, b"x" * 100, end=True)
        await asyncio.sleep(0.1)
        assert (await client.request("GET", "/")).status == 200
    await still_serves(running)
    assert running.stats.internal_errors == 0


async def test_a_client_that_ends_its_request_late_is_not_told_to_stop(serve: Serve) -> None:
    running = await serve(ok_app)
    async with running.client() as client:
        upload = client.begin("POST", "/", end=False)
        answer = await client.finish(upload)
        await asyncio.sleep(0.05)
        client.send(upload, b"x" * 100, end=True)
        await asyncio.sleep(0.1)
        assert answer.stopped is None
        endless = client.begin("POST", "/", end=False)
        answer = await client.finish(endless)
        client.send(endless, b"x" * 100)
        await client.until(lambda: answer.stopped == ErrorCode.H3_NO_ERROR)
    assert running.stats.resets_received == 0


async def test_headers_and_fin_may_come_apart(serve: Serve) -> None:
    running = await serve(ok_app)
    async with running.client() as client:
        stream = client.begin("GET", "/", end=False)
        client.write(stream, b"", end=True)
        assert (await client.finish(stream)).status == 200


async def test_an_early_refusal_reaches_a_client_that_is_still_uploading(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer_ok(send, status=401)

    running = await serve(app)
    async with running.client() as client:
        upload = client.begin("POST", "/up", end=False)
        client.send(upload, b"x" * 5_000_000, end=True)
        answer = await client.finish(upload)
        assert (answer.status, bytes(answer.body)) == (401, b"ok")
        await client.until(lambda: answer.stopped is not None)
        assert answer.stopped == ErrorCode.H3_NO_ERROR
        # The connection's credit came back although nobody read the body.
        for _ in range(5):
            again = client.begin("POST", "/up", end=False)
            client.send(again, b"x" * 3_000_000, end=True)
            assert (await client.finish(again)).status == 401


async def test_a_reset_upload_is_a_disconnect(serve: Serve) -> None:
    app = Recorder()
    running = await serve(app)
    async with running.client() as client:
        stream = client.begin("POST", "/up", end=False)
        client.send(stream, b"x" * 100)
        await eventually(lambda: "http.request" in app.messages)
        client.quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        client.flush()
        await eventually(lambda: "http.disconnect" in app.messages)
        await eventually(lambda: running.stats.running_requests == 0)
    assert running.stats.resets_received == 1
    assert app.cancelled == 0


async def test_stop_sending_in_the_middle_of_a_response_ends_the_application(serve: Serve) -> None:
    app = Recorder()
    running = await serve(app)
    async with running.client() as client:
        stream = client.begin("GET", "/stream", end=True)
        await client.until(lambda: len(client.answer(stream).body) > 100_000)
        client.quic.stop_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        client.flush()
        await eventually(lambda: running.stats.running_requests == 0)
        assert app.send_errors == 1


async def test_an_application_that_ignores_the_disconnect_is_cancelled(serve: Serve) -> None:
    app = Recorder()
    running = await serve(app, disconnect_grace_s=0.1)
    async with running.client() as client:
        stream = client.begin("POST", "/stubborn", end=False)
        await eventually(lambda: app.started == 1)
        client.quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        client.flush()
        await eventually(lambda: running.stats.running_requests == 0)
    assert app.cancelled == 1


async def test_a_client_that_vanishes_is_a_disconnect(serve: Serve) -> None:
    app = Recorder()
    running = await serve(app, idle_timeout_s=0.5)
    async with running.client() as client:
        client.begin("POST", "/up", end=False)
        await eventually(lambda: app.started == 1)
        client.reading = False
        await eventually(lambda: "http.disconnect" in app.messages)
    await eventually(lambda: running.stats.open_connections == 0)


async def test_rapid_resets_close_the_connection_and_only_that(serve: Serve) -> None:
    app = Recorder()
    running = await serve(app, resets_per_s=20)
    async with running.client() as client:
        for _ in range(200):
            if client.terminated is not None:
                break
            stream = client.begin("GET", "/r", end=True)
            client.quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
            client.quic.stop_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
            client.flush()
            await asyncio.sleep(0.001)
        await client.until(lambda: client.terminated is not None)
        assert client.terminated is not None
        assert client.terminated.error_code == ErrorCode.H3_EXCESSIVE_LOAD
    await eventually(lambda: running.stats.running_requests == 0)
    assert running.stats.excessive_load == 1


async def test_work_of_cancelled_requests_still_counts_against_the_limit(serve: Serve) -> None:
    app = Recorder()
    running = await serve(app, max_concurrent_streams=4, disconnect_grace_s=60.0)
    async with running.client() as client:
        for begun in (1, 2, 3, *[4] * 9):
            stream = client.begin("POST", "/stubborn", end=False)
            await eventually(lambda begun=begun: app.started >= begun)
            client.quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
            client.flush()
        await eventually(lambda: running.stats.refused_requests > 0)
        assert app.started == 4
        assert running.stats.running_requests == 4


async def test_a_stream_without_headers_is_reset_after_a_while(serve: Serve) -> None:
    running = await serve(ok_app, headers_timeout_s=0.5)
    async with running.client() as client:
        stream = client.quic.get_next_available_stream_id()
        client.write(stream, b"\x01\x40\x64" + b"x" * 5)
        answer = client.answer(stream)
        await client.until(lambda: answer.reset is not None)
        assert answer.reset == ErrorCode.H3_REQUEST_INCOMPLETE
        assert (await client.request("GET", "/")).status == 200


async def test_a_body_that_stops_coming_is_given_up(serve: Serve) -> None:
    app = Recorder()
    running = await serve(app, body_idle_timeout_s=0.5)
    async with running.client() as client:
        stream = client.begin("POST", "/up", end=False)
        client.send(stream, b"x")
        answer = client.answer(stream)
        await client.until(lambda: answer.reset is not None)
        await eventually(lambda: "http.disconnect" in app.messages)


async def test_a_flood_of_tiny_data_frames_is_stopped(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await answer_ok(send)

    running = await serve(app, small_frames_per_s=500)
    async with running.client() as client:
        stream = client.begin("POST", "/up", end=False)
        for _ in range(20):
            client.write(stream, encode_frame(FrameType.DATA, b"x") * 300)
            await asyncio.sleep(0)
        await client.until(lambda: client.terminated is not None)
        assert client.terminated is not None
        assert client.terminated.error_code == ErrorCode.H3_EXCESSIVE_LOAD
    await still_serves(running)


async def test_a_ping_flood_is_stopped(serve: Serve) -> None:
    running = await serve(ok_app, control_frames_per_s=50)
    async with running.client() as client:
        for uid in range(400):
            client.quic.send_ping(uid)
            client.flush()
            if uid % 20 == 0:
                await asyncio.sleep(0.001)
        await client.until(lambda: client.terminated is not None)
        assert client.terminated is not None
        assert client.terminated.error_code == ErrorCode.H3_EXCESSIVE_LOAD


@pytest.mark.parametrize(
    "headers",
    [[(b"x-big", b"y" * 40_000)], [(b"x-%d" % i, b"y") for i in range(200)]],
    ids=["bytes", "count"],
)
async def test_an_oversize_header_section_is_answered_with_431(serve: Serve, headers: Any) -> None:
    running = await serve(ok_app)
    async with running.client() as client:
        assert (await client.request("GET", "/", headers)).status == 431
        assert (await client.request("GET", "/")).status == 200


@pytest.mark.parametrize(
    "head",
    [
        [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"")],
        [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"x")],
        [(b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")],
        [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/"), (b"X", b"y")],
        [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/"), (b"x", b"a\nb")],
        [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/"), (b":path", b"/")],
    ],
)
async def test_a_malformed_request_costs_its_stream_only(serve: Serve, head: Any) -> None:
    running = await serve(ok_app)
    async with running.client() as client:
        assert client.h3 is not None
        stream = client.quic.get_next_available_stream_id()
        client.h3.send_headers(stream, head, end_stream=True)
        client.flush()
        answer = await client.finish(stream)
        assert answer.reset == ErrorCode.H3_MESSAGE_ERROR
        assert (await client.request("GET", "/")).status == 200
    assert running.stats.malformed == 1


@pytest.mark.parametrize(("length", "sent"), [(b"10", 9), (b"10", 11)])
async def test_a_body_that_denies_its_content_length_is_malformed(serve: Serve, length: bytes, sent: int) -> None:
    app = Recorder()
    running = await serve(app)
    async with running.client() as client:
        stream = client.begin("POST", "/up", [(b"content-length", length)], end=False)
        client.send(stream, b"x" * sent, end=True)
        answer = await client.finish(stream)
        assert answer.reset == ErrorCode.H3_MESSAGE_ERROR
        await eventually(lambda: "http.disconnect" in app.messages)


async def test_trailers_of_a_refused_request_do_not_open_another(serve: Serve) -> None:
    running = await serve(ok_app)
    async with running.client() as client:
        assert client.h3 is not None
        stream = client.quic.get_next_available_stream_id()
        head = [(b":method", b"CONNECT"), (b":authority", b"a")]
        client.h3.send_headers(stream, head)
        client.h3.send_data(stream, b"x", False)
        client.h3.send_headers(stream, [(b"x-sum", b"1")], end_stream=True)
        client.flush()
        assert (await client.finish(stream)).status == 501
    assert running.stats.requests == 0


async def test_more_clients_than_allowed_are_dropped_and_counted(serve: Serve) -> None:
    running = await serve(ok_app, max_connections=1)
    async with running.client() as client:
        async with running.client(wait=False) as second:
            await eventually(lambda: running.stats.refused_connections > 0)
            assert not second.connected
        assert (await client.request("GET", "/")).status == 200


def gap_frames(client: ScriptedClient, stream: int, count: int) -> None:
    """Stream frames of one byte at every second offset: as many gaps."""
    sender = client.quic._get_or_create_stream_for_send(stream).sender
    sender.write(b"x" * (2 * count))
    sender._pending.subtract(0, 2 * count)
    for index in range(count):
        sender._pending.add(2 * index + 1, 2 * index + 2)


async def test_a_stream_full_of_gaps_is_stopped(serve: Serve) -> None:
    running = await serve(ok_app)
    async with running.client() as client:
        stream = client.quic.get_next_available_stream_id()
        gap_frames(client, stream, 2000)
        client.flush()
        await client.until(lambda: client.terminated is not None, 10.0)
        assert client.terminated is not None
        assert client.terminated.error_code == ErrorCode.H3_EXCESSIVE_LOAD
    await still_serves(running)
