"""The gateway with the origin and the feed in another process, or in none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from edge.gateway.app import create_gateway
from feed.rpc.client import open_feeds
from origin import deadline
from origin.roles import RoleUnavailable
from origin.rpc.client import open_origin
from tests.edge.gateway.conftest import Client, make_client

NOWHERE = "127.0.0.1:1"
PATIENCE_S = 1_000.0


@pytest.fixture
async def alone() -> AsyncIterator[Client]:
    """A gateway whose origin and feed are away."""
    origin, feeds = open_origin(NOWHERE), open_feeds(NOWHERE)
    client = make_client()
    services = replace(client.services, videos=origin.videos, social=origin.social, feeds=feeds)
    yield replace(client, app=create_gateway(services), services=services)
    await origin.close()
    await feeds.close()


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/v1/videos/11", None),
        ("GET", "/v1/videos/11/events", None),
        ("GET", "/v1/feed", None),
        ("GET", "/v1/users/1", None),
        ("PUT", "/v1/videos/11/like", None),
        ("POST", "/v1/videos/11/comments", {"text": "hello"}),
        ("POST", "/v1/sessions", {}),
    ],
)
async def test_a_role_that_is_away_is_a_503_that_says_when_to_come_back(alone, method, target, body):
    answered = await alone.ask(method, target, body)
    assert (answered.status, answered.code) == (503, "unavailable")
    assert int(answered.headers["retry-after"]) > 0
    assert "127.0.0.1" not in answered.body.decode()


async def test_an_event_stream_ends_when_the_origin_goes_away_in_the_middle(client):
    first_of = client.house.changes

    async def interrupted(video_id: int, viewer_id: int) -> AsyncIterator[Any]:
        yield await anext(first_of(video_id, viewer_id))
        raise RoleUnavailable("the origin did not answer: the server is stopping")

    client.house.changes = interrupted
    answered = await client.ask("GET", "/v1/videos/11/events")
    assert answered.status == 200
    assert answered.body.count(b"event: video") == 1


async def test_what_a_route_asks_of_other_roles_has_the_requests_deadline(client):
    left: list[float] = []

    async def views(*arguments: Any) -> list[Any]:
        left.append(deadline.left_s(PATIENCE_S, asyncio.get_running_loop().time()))
        return []

    client.house.views = views
    await client.ask("GET", "/v1/feed")
    assert 0 < left[0] < client.services.settings.deadline_s < PATIENCE_S
