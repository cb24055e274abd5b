"""One request of the HTTP/3 client: when its answer is whole."""

from __future__ import annotations

import asyncio

import pytest

from edge.http3.client.exchange import Exchange, ExchangeFailed


class Wire:
    """Takes everything at once."""

    def __init__(self) -> None:
        self.abandoned: list[int] = []

    def send(self, stream_id: int, data: bytes, *, end: bool) -> None:
        """Nothing is held."""

    def held(self, stream_id: int) -> int:
        return 0

    def abandon(self, stream_id: int) -> None:
        self.abandoned.append(stream_id)


async def test_an_answer_of_a_told_length_is_whole_though_the_server_still_takes_the_rest_of_the_body() -> None:
    wire = Wire()
    exchange = Exchange(4, wire, 1 << 20, whole=False)
    exchange.headed(415, [(b"content-length", b"6")])
    exchange.received(b"no ", ended=False)
    assert await exchange.read(1) == b"no "
    exchange.received(b"way", ended=False)
    assert await exchange.read(1) == b"way"
    assert await exchange.read(1) == b""
    # The stream is open: the rest of the body is called off.
    exchange.close()
    assert wire.abandoned == [4]


@pytest.mark.parametrize("length", [b"", b"-1", b"six", b"9" * 40])
async def test_a_length_that_is_none_ends_nothing(length: bytes) -> None:
    exchange = Exchange(4, Wire(), 1 << 20, whole=True)
    exchange.headed(200, [(b"content-length", length)])
    exchange.received(b"all", ended=False)
    assert await exchange.read(1) == b"all"
    reading = asyncio.ensure_future(exchange.read(5))
    await asyncio.sleep(0)
    assert not reading.done()
    exchange.received(b"", ended=True)
    assert await reading == b""


async def test_an_answer_that_breaks_off_before_its_length_fails() -> None:
    exchange = Exchange(4, Wire(), 1 << 20, whole=True)
    exchange.headed(200, [(b"content-length", b"6")])
    exchange.failed("the connection ended")
    with pytest.raises(ExchangeFailed):
        await exchange.read(1)


async def test_a_stream_that_ends_without_an_answer_fails_at_once() -> None:
    exchange = Exchange(4, Wire(), 1 << 20, whole=True)
    exchange.received(b"", ended=True)
    with pytest.raises(ExchangeFailed, match="without an answer"):
        await exchange.answer(60)


@pytest.mark.parametrize("whole", [True, False])
async def test_a_body_that_an_early_answer_cut_short_is_called_off(whole: bool) -> None:
    wire = Wire()
    exchange = Exchange(4, wire, 1 << 20, whole=whole)
    exchange.headed(413, [])
    exchange.received(b"", ended=True)
    exchange.close()
    assert wire.abandoned == ([] if whole else [4])
