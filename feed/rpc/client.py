"""The feed, and the scorer, from another process."""

from __future__ import annotations

from feed.ranker import RankerUnavailable
from feed.ready.base import Entry
from feed.rpc import codec, feed_pb2, scorer_pb2
from feed.rpc.errors import FEED_ERRORS
from feed.views import FeedPage
from origin.roles import RoleUnavailable
from origin.rpc.channel import RemoteRole
from origin.rpc.settings import RpcSettings
from origin.rpc.tls import Tls

FEEDS = feed_pb2.DESCRIPTOR.services_by_name["Feeds"]
SCORER = scorer_pb2.DESCRIPTOR.services_by_name["Scorer"]


def open_feeds(target: str, tls: Tls | None = None, settings: RpcSettings | None = None) -> RemoteFeeds:
    """Call it in the running event loop; connects at the first call. Raises BadTarget, BadTls."""
    return RemoteFeeds(RemoteRole("feed", target, [FEEDS], FEED_ERRORS, tls, settings))


def open_ranker(target: str, tls: Tls | None = None, settings: RpcSettings | None = None) -> RemoteRanker:
    """Call it in the running event loop; connects at the first call. Raises BadTarget, BadTls."""
    return RemoteRanker(RemoteRole("scorer", target, [SCORER], FEED_ERRORS, tls, settings))


class RemoteFeeds:
    """The gateway's `Feeds`. Beyond BadCursor its methods raise RoleUnavailable."""

    def __init__(self, role: RemoteRole) -> None:
        self._role = role

    async def for_you(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        return await self._page("ForYou", user_id, limit, cursor, now_ms)

    async def following(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        return await self._page("Following", user_id, limit, cursor, now_ms)

    async def check(self) -> None:
        """Returns when a feed can be asked. Raises RoleUnavailable."""
        await self._role.check()

    async def close(self) -> None:
        await self._role.close()

    async def _page(self, name: str, user_id: int, limit: int, cursor: str | None, now_ms: int) -> FeedPage:
        request = feed_pb2.PageRequest(user_id=user_id, limit=limit, cursor=cursor, now_ms=now_ms)
        return codec.decode_page(await self._role.ask(FEEDS, name, request, feed_pb2.Page))


class RemoteRanker:
    """The feed's `Ranker`."""

    def __init__(self, role: RemoteRole) -> None:
        self._role = role

    async def rank(self, user_id: int) -> tuple[Entry, ...] | None:
        request = scorer_pb2.RankRequest(user_id=user_id)
        try:
            return codec.decode_ranking(await self._role.ask(SCORER, "Rank", request, scorer_pb2.Ranking))
        except RoleUnavailable as error:
            raise RankerUnavailable(str(error)) from error

    async def check(self) -> None:
        """Returns when a scorer can be asked. Raises RoleUnavailable."""
        await self._role.check()

    async def close(self) -> None:
        await self._role.close()
