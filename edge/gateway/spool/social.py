"""`Social` for a gateway whose origin, or the event log behind it, may be away. Shell.

An act that the origin does not take within a short deadline is kept in the spool and answered as done; the forwarder
hands it over later under the same event id, so that an act which was taken although its answer was lost counts once.
Likes and follows go the way of reported interactions, for that they have an event id from the start.

Order: acts of one user never overtake each other here. They are taken one at a time, and while the spool holds anything
of a user all of it goes to the spool. A user who acts through two gateways at once has no order between them.

While the origin is away nobody waits for it: after one failure every act goes straight to the spool until the
forwarder, which is the probe, has got a whole round through.

What the viewer sees: a spooled like or follow is not in their documents before it is forwarded (`viewer.liked`, the
counts); clients show their own acts at once and do not ask. A spooled act on what is not there is answered as done, and
refused when it is forwarded: counted in `SpoolStats.refused` and dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from edge.gateway.ports import Social
from edge.gateway.spool import acts
from edge.gateway.spool.circuit import AWAY, Circuit
from edge.gateway.spool.model import SpoolSettings
from edge.gateway.spool.spool import Spool
from edge.gateway.spool.turns import Turns
from origin.events import InteractionType
from origin.metadata.base import NotFound
from origin.model import User
from origin.refusals import SelfFollow
from origin.views import CommentView, Interaction, Listed, Refused, UserView

logger = logging.getLogger(__name__)


class SpooledSocial:
    """Comments, users and all reads pass through, and fail with the origin.

    `mint` makes an event id that no other act has.
    """

    def __init__(
        self,
        inner: Social,
        spool: Spool,
        circuit: Circuit,
        settings: SpoolSettings,
        clock: Callable[[], int],
        mint: Callable[[], str],
    ) -> None:
        self._inner = inner
        self._spool = spool
        self._circuit = circuit
        self._settings = settings
        self._clock = clock
        self._mint = mint
        self._turns = Turns()

    async def interact(self, user_id: int, interactions: Sequence[Interaction], request_id: str) -> Sequence[Refused]:
        """Durable on return: in the event log or in the spool. Raises SpoolFull and SpoolUnavailable."""
        if not interactions:
            return ()
        async with self._turns.of(user_id):
            if self._may_ask(user_id):
                try:
                    async with asyncio.timeout(self._settings.deadline_s):
                        return await self._inner.interact(user_id, interactions, request_id)
                except AWAY as error:
                    self._circuit.is_open = True
                    logger.warning("acts go to the spool", extra={"error": str(error) or type(error).__name__})
            await self._spool.append(user_id, acts.encode(interactions, request_id))
        self._spool.stats.spooled += len(interactions)
        return ()

    def _may_ask(self, user_id: int) -> bool:
        # With nothing in the spool nobody probes: what opened the circuit could not be kept.
        open_now = self._circuit.is_open and len(self._spool) > 0
        return not open_now and not self._spool.holds(user_id)

    async def like(self, user_id: int, video_id: int, liked: bool, request_id: str) -> None:
        """Idempotent. Raises NotFound when the origin is there to say so, SpoolFull and SpoolUnavailable."""
        kind = InteractionType.LIKE if liked else InteractionType.UNLIKE
        if await self.interact(user_id, [self._act(kind, video_id=video_id)], request_id):
            raise NotFound(f"no video {video_id}")

    async def follow(self, user_id: int, followee_id: int, following: bool, request_id: str) -> None:
        """Idempotent. Raises SelfFollow, NotFound when the origin is there to say so, SpoolFull, SpoolUnavailable."""
        if user_id == followee_id:
            raise SelfFollow("One cannot follow oneself.")
        kind = InteractionType.FOLLOW if following else InteractionType.UNFOLLOW
        if await self.interact(user_id, [self._act(kind, creator_id=followee_id)], request_id):
            raise NotFound(f"no user {followee_id}")

    def _act(self, kind: InteractionType, video_id: int = 0, creator_id: int = 0) -> Interaction:
        return Interaction(self._mint(), kind, video_id, creator_id, self._clock(), watch_ms=0, feed_id="", position=-1)

    async def create_user(self, handle: str | None) -> User:
        return await self._inner.create_user(handle)

    async def claim_handle(self, user_id: int, handle: str) -> User:
        return await self._inner.claim_handle(user_id, handle)

    async def user(self, user_id: int, viewer_id: int) -> UserView:
        return await self._inner.user(user_id, viewer_id)

    async def comment(self, user_id: int, video_id: int, text: str, request_id: str) -> CommentView:
        return await self._inner.comment(user_id, video_id, text, request_id)

    async def delete_comment(self, comment_id: int, user_id: int, request_id: str) -> None:
        await self._inner.delete_comment(comment_id, user_id, request_id)

    async def comments(self, video_id: int, viewer_id: int, before_id: int | None, limit: int) -> Sequence[CommentView]:
        return await self._inner.comments(video_id, viewer_id, before_id, limit)

    async def followers(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]:
        return await self._inner.followers(user_id, before_ms, limit)

    async def following(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]:
        return await self._inner.following(user_id, before_ms, limit)
