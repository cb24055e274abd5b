"""Random datagrams, and random bytes inside good packets: the listener lives on and serves the next client."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

from aioquic.buffer import encode_uint_var
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.http3 import Http3Server, Http3Settings
from tests.edge.http3.scripted_client import connect_client


async def ok_app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def started(certificate: tuple[Path, Path]) -> tuple[Http3Server, int]:
    options = Http3Settings(certificate_path=certificate[0], private_key_path=certificate[1])
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    server = Http3Server(ok_app, options, clock=lambda: time.time_ns() // 1_000_000)
    await server.start(sock)
    return server, sock.getsockname()[1]


async def assert_serves(server: Http3Server, port: int) -> None:
    client = await connect_client(port)
    assert (await client.request("GET", "/")).status == 200
    await client.close()
    assert server.stats.internal_errors == 0
    await server.drain(0.0)


LONG_HEADERS = st.builds(
    lambda first, version, dcid, scid, rest: (
        bytes([0xC0 | first]) + version + bytes([len(dcid)]) + dcid + bytes([len(scid)]) + scid + rest
    ),
    st.integers(0, 0x3F),
    st.sampled_from([b"\0\0\0\1", b"\x6b\x33\x43\xcf", b"\0\0\0\0", b"\x1a\x2a\x3a\x4a"]),
    st.binary(max_size=25),
    st.binary(max_size=25),
    st.binary(max_size=100),
)
DATAGRAMS = st.builds(
    lambda data, long: data.ljust(1200, b"\0") if long else data,
    st.one_of(st.binary(max_size=200), LONG_HEADERS),
    st.booleans(),
)

FRAMES = st.builds(
    lambda kind, length, data: encode_uint_var(kind) + encode_uint_var(length or len(data)) + data,
    st.one_of(st.integers(0, 16), st.sampled_from([0x21, 0x41, 0x54, 0xF0700, 1 << 40])),
    st.sampled_from([0, 0, 0, 1, 5, 70_000, 1 << 50]),
    st.binary(max_size=60),
)
STREAMS = st.lists(
    st.tuples(st.booleans(), st.lists(FRAMES, max_size=4), st.binary(max_size=8), st.booleans(), st.booleans()),
    min_size=1,
    max_size=6,
)

FUZZ = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(st.lists(DATAGRAMS, min_size=1, max_size=20))
def test_random_datagrams_never_kill_the_listener(certificate: Any, datagrams: list[bytes]) -> None:
    async def scenario() -> None:
        server, port = await started(certificate)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(datagram, ("127.0.0.1", port))
        await assert_serves(server, port)

    asyncio.run(scenario())


@FUZZ
@given(STREAMS)
def test_random_frames_never_kill_the_listener(certificate: Any, streams: Any) -> None:
    async def scenario() -> None:
        server, port = await started(certificate)
        client = await connect_client(port, raw=True)
        for uni, frames, prefix, end, reset in streams:
            stream = client.quic.get_next_available_stream_id(is_unidirectional=uni)
            kind = prefix if uni else b""
            client.quic.send_stream_data(stream, kind + b"".join(frames), end)
            if reset and not end:
                client.quic.reset_stream(stream, 0x10C)
            client.flush()
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        await client.close()
        await assert_serves(server, port)

    asyncio.run(scenario())


@FUZZ
@given(st.binary(max_size=300), st.integers(0, 100))
def test_random_quic_frames_in_good_packets_never_kill_the_listener(
    certificate: Any, payload: bytes, kind: int
) -> None:
    async def scenario() -> None:
        server, port = await started(certificate)
        client = await connect_client(port, raw=True)
        write_connection_limits = client.quic._write_connection_limits

        def with_noise(builder: Any, space: Any) -> None:
            write_connection_limits(builder, space)
            if client.noise:
                client.noise = False
                builder.start_frame(kind, capacity=1 + len(payload)).push_bytes(payload)

        client.noise = True
        client.quic._write_connection_limits = with_noise  # type: ignore[method-assign]
        client.quic.send_ping(1)
        client.flush()
        await asyncio.sleep(0.01)
        await client.close()
        await assert_serves(server, port)

    asyncio.run(scenario())
