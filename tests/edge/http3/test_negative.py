"""RFC 9114, 9204 and 9218 violations, each with the error it must bring (an h3spec of our own).

`C` closes the connection, `S` resets the stream. After each the listener must serve somebody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pylsqpack
import pytest
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import encode_frame, encode_settings

from tests.edge.http3.harness import Serve
from tests.edge.http3.scripted_client import ScriptedClient

DATA, HEADERS, CANCEL_PUSH, SETTINGS, PUSH_PROMISE, GOAWAY, MAX_PUSH_ID = 0, 1, 3, 4, 5, 7, 13
Script = Callable[["Wire"], object]


async def ok_app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


class Wire:
    """A client that writes its own streams and frames."""

    def __init__(self, client: ScriptedClient) -> None:
        self.client = client
        self.encoder = pylsqpack.Encoder()
        self.control = -1

    def uni(self, kind: int, data: bytes = b"") -> int:
        stream = self.client.quic.get_next_available_stream_id(is_unidirectional=True)
        self.client.quic.send_stream_data(stream, encode_uint_var(kind) + data)
        return stream

    def open_control(self, settings: dict[int, int] | None = None) -> None:
        self.control = self.uni(0, encode_frame(SETTINGS, encode_settings(settings or {})))

    def on_control(self, frame_type: int, data: bytes = b"") -> None:
        self.client.quic.send_stream_data(self.control, encode_frame(frame_type, data))

    def head(self, *more: tuple[bytes, bytes], without: bytes = b"") -> bytes:
        fields = [
            (b":method", b"POST"),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", b"/"),
        ]
        return self.section([(n, v) for n, v in fields if n != without] + list(more))

    def section(self, fields: list[tuple[bytes, bytes]]) -> bytes:
        return encode_frame(HEADERS, self.encoder.encode(0, fields)[1])

    def request(self, data: bytes, *, end: bool = False) -> int:
        stream = self.client.quic.get_next_available_stream_id()
        self.client.quic.send_stream_data(stream, data, end)
        return stream


@dataclass(frozen=True)
class Case:
    name: str
    scope: str
    code: int
    script: Script
    control: bool = True
    """Whether a good control stream is opened first."""


def on_request(data: Callable[[Wire], bytes], *, end: bool = False) -> Script:
    def script(wire: Wire) -> None:
        wire.request(data(wire), end=end)

    return script


def close_control(wire: Wire) -> None:
    wire.client.quic.send_stream_data(wire.control, b"", True)


def reset_control(wire: Wire) -> None:
    wire.client.flush()
    wire.client.quic.reset_stream(wire.control, 0x100)


def stop_server_control(wire: Wire) -> None:
    wire.client.quic.stop_stream(3, 0x100)


def grow_goaway(wire: Wire) -> None:
    wire.on_control(GOAWAY, encode_uint_var(0))
    wire.on_control(GOAWAY, encode_uint_var(4))


def shrink_push_id(wire: Wire) -> None:
    wire.on_control(MAX_PUSH_ID, encode_uint_var(4))
    wire.on_control(MAX_PUSH_ID, encode_uint_var(3))


def twice(kind: int) -> Script:
    def script(wire: Wire) -> None:
        wire.uni(kind)
        wire.uni(kind)

    return script


def pseudo(*fields: tuple[bytes, bytes], without: bytes = b"") -> Script:
    return on_request(lambda wire: wire.head(*fields, without=without), end=True)


CASES = [
    Case("data before headers", "C", 0x105, on_request(lambda w: encode_frame(DATA, b"x"))),
    Case(
        "data after trailers",
        "C",
        0x105,
        on_request(lambda w: w.head() + w.section([(b"a", b"b")]) + encode_frame(DATA, b"x")),
    ),
    Case("headers after trailers", "C", 0x105, on_request(lambda w: w.head() + 2 * w.section([(b"a", b"b")]))),
    Case("control without settings", "C", 0x10A, lambda w: w.uni(0, encode_frame(GOAWAY, b"\0")), control=False),
    Case("settings twice", "C", 0x105, lambda w: w.on_control(SETTINGS)),
    Case("settings on a request", "C", 0x105, on_request(lambda w: encode_frame(SETTINGS, b""))),
    *[
        Case(f"setting {i:#x} of HTTP/2", "C", 0x109, lambda w, i=i: w.open_control({i: 1}), control=False)
        for i in (2, 3, 4, 5)
    ],
    *[Case(f"frame {i:#x} of HTTP/2 on control", "C", 0x105, lambda w, i=i: w.on_control(i)) for i in (2, 6, 8, 9)],
    *[
        Case(f"frame {i:#x} of HTTP/2 on request", "C", 0x105, on_request(lambda w, i=i: encode_frame(i, b"")))
        for i in (2, 6, 8, 9)
    ],
    Case("data on control", "C", 0x105, lambda w: w.on_control(DATA, b"x")),
    Case("headers on control", "C", 0x105, lambda w: w.on_control(HEADERS, b"x")),
    *[
        Case(f"frame {i} on request", "C", 0x105, on_request(lambda w, i=i: encode_frame(i, b"\0")))
        for i in (CANCEL_PUSH, PUSH_PROMISE, GOAWAY, MAX_PUSH_ID)
    ],
    Case("priority update on request", "C", 0x105, on_request(lambda w: encode_frame(0xF0700, b"\0u=1"))),
    *[Case(f"stream kind {i} twice", "C", 0x103, twice(i)) for i in (0, 2, 3)],
    Case("push stream from a client", "C", 0x103, lambda w: w.uni(1, b"\0")),
    Case("control closed", "C", 0x104, close_control),
    Case("control reset", "C", 0x104, reset_control),
    Case("our control stopped", "C", 0x104, stop_server_control),
    Case("max push id decreased", "C", 0x108, shrink_push_id),
    Case("cancel of a push never promised", "C", 0x108, lambda w: w.on_control(CANCEL_PUSH, b"\0")),
    Case("goaway increased", "C", 0x108, grow_goaway),
    Case("trailing bytes in max push id", "C", 0x106, lambda w: w.on_control(MAX_PUSH_ID, b"\0\0")),
    Case("short settings", "C", 0x106, lambda w: w.uni(0, encode_frame(SETTINGS, b"\x06")), control=False),
    Case("fin inside a frame", "C", 0x106, on_request(lambda w: w.head() + b"\0\x08xx", end=True)),
    Case("endless settings", "C", 0x107, lambda w: w.uni(0, b"\x04\x80\x10\0\0"), control=False),
    Case("static index 99", "C", 0x200, on_request(lambda w: encode_frame(HEADERS, b"\0\0\xff\x24"))),
    Case("dynamic reference", "C", 0x200, on_request(lambda w: encode_frame(HEADERS, b"\x02\0\x80"))),
    Case("endless integer", "C", 0x200, on_request(lambda w: encode_frame(HEADERS, b"\0\0" + b"\xff" * 20))),
    Case("insert without a table", "C", 0x201, lambda w: w.uni(2, b"\x41a\x01b")),
    Case("capacity over ours", "C", 0x201, lambda w: w.uni(2, b"\x3f\xe1\xff\x03")),
    Case("insert count increment of 0", "C", 0x202, lambda w: w.uni(3, b"\0")),
    Case("insert count beyond sent", "C", 0x202, lambda w: w.uni(3, b"\x3f\x20")),
    Case("acknowledged unknown section", "C", 0x202, lambda w: w.uni(3, b"\xff\x50")),
    Case("upper-case name", "S", 0x10E, pseudo((b"X-A", b"b"))),
    Case("missing method", "S", 0x10E, pseudo(without=b":method")),
    Case("missing scheme", "S", 0x10E, pseudo(without=b":scheme")),
    Case("missing path", "S", 0x10E, pseudo(without=b":path")),
    Case("repeated pseudo", "S", 0x10E, pseudo((b":path", b"/2"))),
    Case("unknown pseudo", "S", 0x10E, pseudo((b":colour", b"red"))),
    Case("late pseudo", "S", 0x10E, pseudo((b"a", b"b"), (b":path", b"/"), without=b":path")),
    Case("status in a request", "S", 0x10E, pseudo((b":status", b"200"))),
    Case("pseudo in trailers", "S", 0x10E, on_request(lambda w: w.head() + w.section([(b":path", b"/")]))),
    *[
        Case(f"{name.decode()} field", "S", 0x10E, pseudo((name, b"x")))
        for name in (b"connection", b"te", b"transfer-encoding", b"keep-alive", b"upgrade", b"proxy-connection")
    ],
    *[
        Case(f"value {value!r}", "S", 0x10E, pseudo((b"a", value)))
        for value in (b"a\rb", b"a\nb", b"a\0b", b" a", b"a ")
    ],
    Case("empty path", "S", 0x10E, pseudo((b":path", b""), without=b":path")),
    Case("host differs", "S", 0x10E, pseudo((b"host", b"elsewhere"))),
    Case(
        "too short for its content-length",
        "S",
        0x10E,
        on_request(lambda w: w.head((b"content-length", b"5")) + encode_frame(DATA, b"four"), end=True),
    ),
    Case("fin without a request", "S", 0x10D, on_request(lambda w: b"", end=True)),
    Case("fin after a reserved frame only", "S", 0x10D, on_request(lambda w: encode_frame(0x21, b"x"), end=True)),
]

GAPS = {
    "goaway increased": "aioquic 1.7 reads over the payload of a client's GOAWAY; it only concerns pushes",
}


def parameters() -> list[Any]:
    return [
        pytest.param(
            case,
            id=case.name,
            marks=[pytest.mark.xfail(strict=True, reason=GAPS[case.name])] if case.name in GAPS else [],
        )
        for case in CASES
    ]


@pytest.mark.parametrize("case", parameters())
async def test_a_violation_brings_its_error(serve: Serve, case: Case) -> None:
    running = await serve(ok_app)
    async with running.client(raw=True) as client:
        wire = Wire(client)
        if case.control:
            wire.open_control()
        case.script(wire)
        client.flush()
        if case.scope == "C":
            await client.until(lambda: client.terminated is not None, 3.0)
            assert client.terminated is not None
            assert hex(client.terminated.error_code) == hex(case.code)
        else:
            answer = client.answer(0)
            await client.until(lambda: answer.reset is not None, 3.0)
            assert hex(answer.reset or 0) == hex(case.code)
            assert client.terminated is None
    async with running.client() as other:
        assert (await other.request("GET", "/")).status == 200
    assert running.stats.internal_errors == 0


async def test_what_is_reserved_is_read_over(serve: Serve) -> None:
    running = await serve(ok_app)
    async with running.client(raw=True) as client:
        wire = Wire(client)
        wire.open_control({0x21: 7, 0x1F * 5 + 0x21: 9})
        wire.on_control(0x21, b"anything")
        wire.on_control(0xF0700, b"\0u=1")
        wire.uni(0x21, b"anything at all")
        grease = encode_frame(0x1F * 3 + 0x21, b"x" * 300)
        wire.request(grease + wire.head() + grease + encode_frame(DATA, b"x") + grease, end=True)
        client.flush()
        answer = client.answer(0)
        await client.until(lambda: answer.ended)
        assert client.terminated is None
        assert b"ok" in bytes(answer.body)


async def test_a_request_with_host_but_no_authority_is_served(serve: Serve) -> None:
    running = await serve(ok_app)
    async with running.client(raw=True) as client:
        wire = Wire(client)
        wire.open_control()
        wire.request(wire.head((b"host", b"localhost"), without=b":authority"), end=True)
        client.flush()
        answer = client.answer(0)
        await client.until(lambda: answer.ended or answer.reset is not None)
        assert answer.reset is None


async def test_a_header_section_of_many_references_stays_small(serve: Serve) -> None:
    running = await serve(ok_app)
    async with running.client(raw=True) as client:
        wire = Wire(client)
        wire.open_control()
        # One byte each, the longest static entry there is.
        wire.request(encode_frame(HEADERS, b"\0\0" + b"\xff\x13" * 10_000), end=True)
        client.flush()
        answer = client.answer(0)
        await client.until(lambda: answer.ended or answer.reset is not None or client.terminated is not None)
        await asyncio.sleep(0)
    async with running.client() as other:
        assert (await other.request("GET", "/")).status == 200
