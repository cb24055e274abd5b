"""What is replaced in aioquic, and that it still takes effect: credit, send bounds, tickets without 0-RTT."""

from __future__ import annotations

import asyncio
from typing import Any

import aioquic
import pytest
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import ErrorCode
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicErrorCode

from edge.http3.connection import Connection
from edge.http3.transport import EdgeQuicConnection
from tests.edge.http3.harness import Running, Serve, eventually

KIB = 1024
MIB = 1024 * KIB


def only_connection(running: Running) -> Connection:
    (connection,) = running.server._connections
    return connection


def test_the_aioquic_that_these_overrides_were_written_for_is_installed() -> None:
    assert aioquic.__version__ == "1.7.2", "look at edge/http3/transport.py and framing.py again, then move this"
    for name in (
        "_handle_ack_frame",
        "_handle_new_connection_id_frame",
        "_handle_path_challenge_frame",
        "_handle_ping_frame",
        "_handle_retire_connection_id_frame",
        "_handle_stream_frame",
        "_initialize",
        "_parse_transport_parameters",
        "_update_traffic_key",
        "_write_connection_limits",
        "_write_stream_limits",
    ):
        assert name in vars(QuicConnection), name
        assert name in vars(EdgeQuicConnection), name


async def test_a_stream_nobody_reads_takes_one_window_and_no_more(serve: Serve) -> None:
    release = asyncio.Event()
    got = bytearray()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        more = True
        while more:
            message = await receive()
            got.extend(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    running = await serve(app, stream_window_bytes=64 * KIB, connection_window_bytes=1 * MIB)
    async with running.client() as client:
        stream = client.begin("POST", "/up", end=False)
        body = bytes(range(256)) * 4 * KIB
        client.send(stream, body, end=True)
        await asyncio.sleep(0.5)
        quic = only_connection(running)._quic
        assert quic._streams[stream].receiver.highest_offset <= 64 * KIB
        assert quic._streams[stream].max_stream_data_local == 64 * KIB
        release.set()
        assert (await client.finish(stream)).status == 200
        assert bytes(got) == body


async def test_unread_streams_together_take_one_connection_window(serve: Serve) -> None:
    release = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await release.wait()
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    running = await serve(app, stream_window_bytes=64 * KIB, connection_window_bytes=128 * KIB)
    async with running.client() as client:
        streams = [client.begin("POST", "/up", end=False) for _ in range(8)]
        for stream in streams:
            client.send(stream, b"x" * 64 * KIB, end=True)
        await asyncio.sleep(0.5)
        quic = only_connection(running)._quic
        assert quic.received_total <= 128 * KIB
        await eventually(lambda: only_connection(running)._ledger.held > 100 * KIB)
        release.set()
        for stream in streams:
            assert (await client.finish(stream)).status == 200
        await eventually(lambda: only_connection(running)._ledger.held == 0)


async def test_bytes_that_leave_gaps_give_no_credit(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    running = await serve(app, stream_window_bytes=64 * KIB, connection_window_bytes=128 * KIB)
    async with running.client() as client:
        for _ in range(8):
            stream = client.quic.get_next_available_stream_id()
            sender = client.quic._get_or_create_stream_for_send(stream).sender
            sender.write(b"x" * 60 * KIB)
            sender._pending.subtract(0, 1)
        client.flush()
        await asyncio.sleep(0.5)
        quic = only_connection(running)._quic
        assert quic.granted_total == 128 * KIB
        assert quic.received_total <= 128 * KIB


class Streaming:
    """Sends 64 MiB in chunks, and says how far it came."""

    def __init__(self, chunk: int) -> None:
        self.sent = 0
        self._chunk = chunk

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while self.sent < 64 * MIB:
            await send({"type": "http.response.body", "body": bytes(self._chunk), "more_body": True})
            self.sent += self._chunk
        await send({"type": "http.response.body"})


@pytest.mark.parametrize("chunk", [16 * KIB, 4 * MIB])
async def test_a_client_that_gives_no_credit_makes_the_application_wait(serve: Serve, chunk: int) -> None:
    app = Streaming(chunk)
    running = await serve(app, stream_send_buffer_bytes=256 * KIB)

    def small_windows(configuration: Any) -> None:
        configuration.max_data = configuration.max_stream_data = 64 * KIB

    async with running.client(configure=small_windows) as client:
        client.reading = True
        stream = client.begin("GET", "/", end=True)
        await client.until(lambda: len(client.answer(stream).body) > 0)
        client.reading = False
        await asyncio.sleep(0.5)
        quic = only_connection(running)._quic
        assert quic.send_held_total() <= 256 * KIB + 2 * 64 * KIB
        assert app.sent < 8 * MIB


async def test_stalled_responses_do_not_starve_another_on_the_same_connection(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        size = 8 * MIB if scope["path"] == "/big" else 100 * KIB
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(size)})

    class Stalling(QuicConnection):
        """Gives credit to no stream but the last."""

        def _write_stream_limits(self, builder: Any, space: Any, stream: Any) -> None:
            if stream.stream_id == 40:
                super()._write_stream_limits(builder, space, stream)

    running = await serve(app, stream_send_buffer_bytes=128 * KIB, connection_send_buffer_bytes=256 * KIB)

    def windows(configuration: Any) -> None:
        configuration.max_stream_data = 16 * KIB

    async with running.client(configure=windows, quic_type=Stalling) as client:
        for _ in range(10):
            client.begin("GET", "/big", end=True)
        await asyncio.sleep(0.2)
        last = client.begin("GET", "/small", end=True)
        assert last == 40
        answer = await client.finish(last)
        assert len(answer.body) == 100 * KIB


async def test_a_response_nobody_takes_is_given_up(serve: Serve) -> None:
    running = await serve(Streaming(64 * KIB), send_stall_timeout_s=0.5)

    class Mute(QuicConnection):
        """Never gives more credit."""

        def _write_stream_limits(self, builder: Any, space: Any, stream: Any) -> None:
            pass

    async with running.client(quic_type=Mute) as client:
        stream = client.begin("GET", "/", end=True)
        answer = await client.finish(stream)
        assert answer.reset == ErrorCode.H3_REQUEST_CANCELLED
        await eventually(lambda: running.stats.running_requests == 0)
    assert running.stats.timeouts == 1


async def test_an_acknowledgement_of_what_was_never_sent_closes_the_connection(serve: Serve) -> None:
    class Optimist(QuicConnection):
        def _write_ack_frame(self, builder: Any, space: Any, now: float) -> None:
            if self._handshake_confirmed:
                space.ack_queue.add(9_999)
            super()._write_ack_frame(builder, space, now)

    running = await serve(Streaming(64 * KIB))
    async with running.client(quic_type=Optimist) as client:
        client.begin("GET", "/", end=True)
        await client.until(lambda: client.terminated is not None)
        assert client.terminated is not None
        assert client.terminated.error_code == QuicErrorCode.PROTOCOL_VIOLATION


@pytest.mark.parametrize(("taken", "used"), [(1300, 1300), (1500, 1400)])
async def test_the_largest_payload_the_client_takes_is_kept_to(serve: Serve, taken: int, used: int) -> None:
    class Narrow(QuicConnection):
        def _serialize_transport_parameters(self) -> bytes:
            return super()._serialize_transport_parameters() + b"\x03\x02" + encode_uint_var(taken)

    running = await serve(Streaming(64 * KIB), max_datagram_bytes=1400)
    async with running.client(quic_type=Narrow):
        assert only_connection(running)._quic._max_datagram_size == used
