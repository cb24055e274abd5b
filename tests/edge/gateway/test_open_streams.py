"""Bounds on event streams."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edge.gateway.open_streams import OpenStreams
from edge.gateway.problems import ApiProblem
from edge.gateway.settings import GatewaySettings
from edge.gateway.stats import GatewayStats


def test_one_user_does_not_take_the_streams_of_the_others() -> None:
    stats = GatewayStats()
    streams = OpenStreams(GatewaySettings("https://x", "https://y", event_streams=3, event_streams_each=2), stats)
    with streams.one_more("u1"), streams.one_more("u1"):
        with pytest.raises(ApiProblem) as raised:
            streams.refuse_beyond_bounds("u1")
        assert raised.value.problem.status == 503
        streams.refuse_beyond_bounds("u2")
        with streams.one_more("u2"), pytest.raises(ApiProblem):
            streams.refuse_beyond_bounds("u3")
        assert stats.event_streams == 2
    assert stats.event_streams == 0
    streams.refuse_beyond_bounds("u1")


async def test_a_burst_of_streams_stays_within_the_bound(remake: Any) -> None:
    client = remake(GatewaySettings("https://x", "https://y", policies=(), event_streams_each=2))
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, client.services.stats.event_streams)
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    answers = await asyncio.gather(*(client.ask("GET", "/v1/videos/11/events") for _ in range(8)))
    watching.cancel()
    assert most == 2
    assert sum(answer.body != b"" and answer.status == 200 for answer in answers) == 2
    assert client.services.stats.event_streams == 0
