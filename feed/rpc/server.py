"""The feed and the scorer as gRPC services."""

from __future__ import annotations

from feed.ranker import Ranker
from feed.rpc import codec, feed_pb2, scorer_pb2
from feed.rpc.errors import FEED_ERRORS
from feed.service import FeedService
from origin.rpc.serving import RpcServer, Service
from origin.rpc.settings import RpcSettings
from origin.rpc.tls import Tls

FEEDS = feed_pb2.DESCRIPTOR.services_by_name["Feeds"]
SCORER = scorer_pb2.DESCRIPTOR.services_by_name["Scorer"]


SCORER_SETTINGS = RpcSettings(calls_most=64)
"""Making a list takes about a millisecond: more than these could not be made in the time that a page waits. After the
loss of all lists the rest is refused at once, and the feed's breakers spread it over the next seconds."""


def feed_server(
    bind: str, feeds: FeedService, tls: Tls | None = None, settings: RpcSettings | None = None
) -> RpcServer:
    """Not started yet. Raises BadTarget, BadTls, Unprotected."""
    return RpcServer(bind, [Service(FEEDS, _Feeds(feeds))], FEED_ERRORS, tls, settings)


def scorer_server(
    bind: str, ranker: Ranker, tls: Tls | None = None, settings: RpcSettings = SCORER_SETTINGS
) -> RpcServer:
    """Not started yet. Raises BadTarget, BadTls, Unprotected."""
    return RpcServer(bind, [Service(SCORER, _Scorer(ranker))], FEED_ERRORS, tls, settings)


class _Feeds:
    def __init__(self, feeds: FeedService) -> None:
        self._feeds = feeds

    async def for_you(self, request: feed_pb2.PageRequest) -> feed_pb2.Page:
        page = await self._feeds.for_you(request.user_id, request.limit, _cursor(request), request.now_ms)
        return codec.encode_page(page)

    async def following(self, request: feed_pb2.PageRequest) -> feed_pb2.Page:
        page = await self._feeds.following(request.user_id, request.limit, _cursor(request), request.now_ms)
        return codec.encode_page(page)


def _cursor(request: feed_pb2.PageRequest) -> str | None:
    return request.cursor if request.HasField("cursor") else None


class _Scorer:
    def __init__(self, ranker: Ranker) -> None:
        self._ranker = ranker

    async def rank(self, request: scorer_pb2.RankRequest) -> scorer_pb2.Ranking:
        return codec.encode_ranking(await self._ranker.rank(request.user_id))
