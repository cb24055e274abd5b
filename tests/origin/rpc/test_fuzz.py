"""What no peer of ours sends: it is refused with a clear status, and the server goes on."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from origin.rpc import origin_pb2 as pb
from origin.rpc.errors import ORIGIN_ERRORS, Errors
from origin.rpc.methods import methods_of
from origin.rpc.serving import RpcServer, Service
from tests.origin.rpc.wire import VIDEOS, Script

METHODS = sorted(methods_of(VIDEOS).values(), key=lambda method: method.path)
DELETE = f"/{VIDEOS.full_name}/Delete"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


async def done(request) -> pb.Done:
    return pb.Done()


async def nothing(request):
    return
    yield


class Target:
    """A server in an event loop of its own, so that Hypothesis can drive it from outside."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._server = RpcServer("127.0.0.1:0", [Service(VIDEOS, Script(done, changes=nothing))], Errors(ORIGIN_ERRORS))
        self.port = runner.run(self._server.start())

    def call(self, path: str, raw: bytes, metadata: tuple = (), *, stream: bool = False) -> grpc.StatusCode:
        return self._runner.run(self._call(path, raw, metadata, stream))

    async def _call(self, path: str, raw: bytes, metadata: tuple, stream: bool) -> grpc.StatusCode:
        options = [("grpc.max_metadata_size", 1 << 20)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=options) as channel:
            call = (channel.unary_stream if stream else channel.unary_unary)(path)(raw, metadata=metadata, timeout=20)
            return await call.code()

    def speak(self, raw: bytes) -> None:
        self._runner.run(self._speak(raw))

    async def _speak(self, raw: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            writer.write_eof()
            async with asyncio.timeout(20):
                while await reader.read(65_536):
                    pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    def close(self) -> None:
        self._runner.run(self._server.stop(0))


@pytest.fixture
def target():
    with asyncio.Runner() as runner:
        opened = Target(runner)
        yield opened
        assert opened.call(DELETE, b"") is grpc.StatusCode.OK
        opened.close()


def test_bytes_that_are_no_message_are_an_invalid_argument(target):
    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(METHODS), st.binary(max_size=64))
    def refused(method, raw):
        code = target.call(method.path, raw, stream=method.streams)
        assert code in {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}

    refused()
    assert target.call(DELETE, b"\xff" * 8) is grpc.StatusCode.INVALID_ARGUMENT


def test_a_field_of_another_type_or_a_text_that_is_no_utf8_is_an_invalid_argument(target):
    path = f"/{VIDEOS.full_name}/Edit"
    assert target.call(path, b"\x1a\x02\xff\xfe") is grpc.StatusCode.INVALID_ARGUMENT
    assert target.call(path, b"\x1a\xff\xff\xff\xff\x0f") is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("path", ["/reelway.origin.v1.Videos/Unknown", "/unknown.Service/View", "/", "/a/b/c"])
def test_a_method_that_does_not_exist_is_unimplemented(target, path):
    assert target.call(path, b"") is grpc.StatusCode.UNIMPLEMENTED


def test_request_ids_that_are_none_are_passed_over(target):
    @settings(max_examples=40, deadline=None)
    @given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300))
    def answered(text):
        assert target.call(DELETE, b"", (("reelway-request-id", text),)) is grpc.StatusCode.OK

    answered()


def test_metadata_beyond_its_bound_is_refused(target):
    assert target.call(DELETE, b"", (("x-big", "x" * 200_000),)) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_what_is_not_http2_ends_its_own_connection_only(target):
    @settings(max_examples=40, deadline=None)
    @given(st.sampled_from([b"", PREFACE]), st.binary(max_size=200))
    def ended(begin, rest):
        target.speak(begin + rest)

    ended()
    target.speak(b"GET / HTTP/1.1\r\nHost: origin\r\n\r\n")
