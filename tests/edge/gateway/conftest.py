"""The gateway over use cases kept in dicts, and a client that speaks ASGI to it.

The use cases here implement the protocols of `edge.gateway.ports`; origin's own are tested with the gateway end to end.
Those of webhooks are origin's own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from edge.gateway.app import create_gateway
from edge.gateway.issuers.local import LocalIssuer
from edge.gateway.limits.memory import MemoryLimits
from edge.gateway.services import Services
from edge.gateway.settings import GatewaySettings
from origin.captions import caption_of
from origin.eventlog import EventLog, open_eventlog
from origin.metadata import HandleTaken, Metadata, NotFound, open_metadata
from origin.model import (
    Comment,
    Counts,
    Failure,
    Publication,
    StartupFile,
    User,
    Video,
    VideoStatus,
    Visibility,
)
from origin.progress import Packaging, RungProgress, Stage
from origin.refusals import (
    BadCaptions,
    CommentRefused,
    NotCreator,
    NotHeld,
    NothingToTakeDown,
    NotTakenDown,
    SelfFollow,
)
from origin.subscribing import Webhooks
from origin.views import CommentView, Interaction, Listed, Refused, ReviewView, UserView, VideoView
from origin.webhooks.target import Reach

NOW_MS = 1_767_225_600_123
FILES = {"hls.m3u8": "v/1/a", "dash.mpd": "v/1/b", "poster.jpg": "v/1/c"}
STARTUP = (StartupFile("v540-aa/init.mp4", 900), StartupFile("v540-aa/0001.m4s", 120_000))


def a_video(video_id: int, creator_id: int = 1, status: VideoStatus = VideoStatus.READY) -> Video:
    publication = Publication(1, FILES, ("v540-aa",), STARTUP, 9000, 540, 960, "abc=") if status == "ready" else None
    return Video(
        video_id=video_id,
        creator_id=creator_id,
        description="a clip",
        status=status,
        visibility=Visibility.PUBLIC,
        created_at_ms=NOW_MS,
        progress=1.0,
        counts=Counts(5, 4, 3, 2),
        publication=publication,
    )


@dataclass
class House:
    """Users, videos, likes, follows and comments."""

    people: dict[int, User] = field(default_factory=dict)
    shown: dict[int, Video] = field(default_factory=dict)
    likes: set[tuple[int, int]] = field(default_factory=set)
    follows: dict[tuple[int, int], int] = field(default_factory=dict)
    said: dict[int, Comment] = field(default_factory=dict)
    taken: list[Interaction] = field(default_factory=list)
    trouble: Exception | None = None
    held: dict[int, ReviewView] = field(default_factory=dict)
    decided: list[tuple[int, str]] = field(default_factory=list)

    # reviews

    async def waiting(self, limit: int) -> Sequence[ReviewView]:
        return list(self.held.values())[:limit]

    async def allow(self, video_id: int) -> None:
        self._decide(video_id, "")

    async def reject(self, video_id: int, detail: str) -> None:
        self._decide(video_id, detail)

    async def take_down(self, video_id: int, reason: str) -> None:
        if video_id not in self.shown:
            raise NotFound("no such video")
        if self.shown[video_id].status is VideoStatus.FAILED:
            raise NothingToTakeDown(f"Video {video_id} is failed: nothing of it is shown.")
        failure = Failure("taken_down", reason)
        self.shown[video_id] = replace(self.shown[video_id], status=VideoStatus.REJECTED, failure=failure)

    async def restore(self, video_id: int) -> None:
        if self.shown[video_id].failure is None:
            raise NotTakenDown(f"Video {video_id} was never taken down.")
        self.shown[video_id] = replace(self.shown[video_id], status=VideoStatus.READY, failure=None)

    def _decide(self, video_id: int, detail: str) -> None:
        if self.held.pop(video_id, None) is None:
            raise NotHeld(f"Video {video_id} does not wait for a review.")
        self.decided.append((video_id, detail))

    # captions

    async def put(self, video_id: int, user_id: int, language: str, label: str, track: bytes) -> VideoView:
        if self._find(video_id, user_id).creator_id != user_id:
            raise NotCreator("Only its creator may caption a video.")
        if not track.startswith(b"WEBVTT"):
            raise BadCaptions("The first line must be WEBVTT.")
        caption = caption_of(language, label, track)
        self.shown[video_id] = replace(self.shown[video_id], captions=(caption,))
        return self._view(self.shown[video_id], user_id)

    async def remove(self, video_id: int, user_id: int, language: str) -> None:
        kept = tuple(each for each in self.shown[video_id].captions if each.language != language)
        self.shown[video_id] = replace(self._find(video_id, user_id), captions=kept)

    # videos

    def _view(self, video: Video, viewer_id: int) -> VideoView:
        liked = (viewer_id, video.video_id) in self.likes
        return VideoView(video, self.people[video.creator_id], liked, (viewer_id, video.creator_id) in self.follows)

    def _find(self, video_id: int, viewer_id: int) -> Video:
        video = self.shown.get(video_id)
        if video is None or (video.status is not VideoStatus.READY and video.creator_id != viewer_id):
            raise NotFound("no such video")
        return video

    async def view(self, video_id: int, viewer_id: int) -> VideoView:
        if self.trouble:
            raise self.trouble
        return self._view(self._find(video_id, viewer_id), viewer_id)

    async def views(self, video_ids: Sequence[int], viewer_id: int) -> Sequence[VideoView]:
        return [self._view(self.shown[key], viewer_id) for key in video_ids if key in self.shown]

    async def by_creator(
        self, creator_id: int, viewer_id: int, before_id: int | None, limit: int
    ) -> Sequence[VideoView]:
        mine = sorted(
            (each for each in self.shown.values() if each.creator_id == creator_id), key=lambda v: -v.video_id
        )
        kept = [each for each in mine if before_id is None or each.video_id < before_id]
        return [self._view(each, viewer_id) for each in kept[:limit]]

    async def edit(
        self, video_id: int, user_id: int, description: str | None, visibility: Visibility | None
    ) -> VideoView:
        video = self._find(video_id, user_id)
        if video.creator_id != user_id:
            raise NotCreator("Only its creator may edit a video.")
        self.shown[video_id] = replace(
            video, description=description or video.description, visibility=visibility or video.visibility
        )
        return self._view(self.shown[video_id], user_id)

    async def delete(self, video_id: int, user_id: int) -> None:
        if self._find(video_id, user_id).creator_id != user_id:
            raise NotCreator("Only its creator may delete a video.")
        del self.shown[video_id]

    async def changes(self, video_id: int, viewer_id: int) -> AsyncIterator[VideoView]:
        video = self._find(video_id, viewer_id)
        for progress in (0.2, 0.6):
            view = self._view(replace(video, status=VideoStatus.PROCESSING, progress=progress), viewer_id)
            rungs = (RungProgress(1920, progress, False), RungProgress(960, 1.0, True))
            yield replace(view, packaging=Packaging(Stage.ENCODING_REST, rungs))
            await asyncio.sleep(0.05)
        yield self._view(a_video(video_id, video.creator_id), viewer_id)

    # social

    async def create_user(self, handle: str | None) -> User:
        if handle and any(each.handle == handle for each in self.people.values()):
            raise HandleTaken(handle)
        user = User(100 + len(self.people), handle or f"guest{len(self.people)}", handle is None, NOW_MS)
        self.people[user.user_id] = user
        return user

    async def claim_handle(self, user_id: int, handle: str) -> User:
        if any(each.handle == handle for each in self.people.values()):
            raise HandleTaken(handle)
        self.people[user_id] = replace(self.people[user_id], handle=handle, guest=False)
        return self.people[user_id]

    async def user(self, user_id: int, viewer_id: int) -> UserView:
        if user_id not in self.people:
            raise NotFound("no such user")
        return UserView(self.people[user_id], {"followers": 1}, (viewer_id, user_id) in self.follows)

    async def interact(self, user_id: int, interactions: Sequence[Interaction], request_id: str) -> Sequence[Refused]:
        self.taken += interactions
        return [Refused(place, "no such video") for place, each in enumerate(interactions) if each.video_id == 404]

    async def like(self, user_id: int, video_id: int, liked: bool, request_id: str) -> None:
        self._find(video_id, user_id)
        (self.likes.add if liked else self.likes.discard)((user_id, video_id))

    async def follow(self, user_id: int, followee_id: int, following: bool, request_id: str) -> None:
        if user_id == followee_id:
            raise SelfFollow("One cannot follow oneself.")
        await self.user(followee_id, user_id)
        if following:
            self.follows[user_id, followee_id] = NOW_MS
        else:
            self.follows.pop((user_id, followee_id), None)

    async def comment(self, user_id: int, video_id: int, text: str, request_id: str) -> CommentView:
        if "spam" in text:
            raise CommentRefused("The text looks like spam.")
        self._find(video_id, user_id)
        comment = Comment(500 + len(self.said), video_id, user_id, text, NOW_MS)
        self.said[comment.comment_id] = comment
        return CommentView(comment, self.people[user_id])

    async def delete_comment(self, comment_id: int, user_id: int, request_id: str) -> None:
        if comment_id not in self.said:
            raise NotFound("no such comment")
        if self.said[comment_id].user_id != user_id:
            raise NotCreator("Only its author may delete a comment.")
        del self.said[comment_id]

    async def comments(self, video_id: int, viewer_id: int, before_id: int | None, limit: int) -> Sequence[CommentView]:
        newest = sorted((each for each in self.said.values() if each.video_id == video_id), key=lambda c: -c.comment_id)
        kept = [each for each in newest if before_id is None or each.comment_id < before_id]
        return [CommentView(each, self.people[each.user_id]) for each in kept[:limit]]

    async def followers(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]:
        return [Listed(self.people[who], at) for (who, whom), at in self.follows.items() if whom == user_id][:limit]

    async def following(self, user_id: int, before_ms: int | None, limit: int) -> Sequence[Listed]:
        return [Listed(self.people[whom], at) for (who, whom), at in self.follows.items() if who == user_id][:limit]


@dataclass(frozen=True)
class Item:
    video_id: int
    source: str
    position: int


@dataclass(frozen=True)
class Page:
    items: tuple[Item, ...]
    next_cursor: str | None = "next"
    feed_id: str = "f1"
    mode: str = "personal"


@dataclass
class Feed:
    video_ids: tuple[int, ...] = ()

    async def for_you(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> Page:
        if cursor not in (None, "next"):
            raise ValueError("bad cursor")
        return Page(tuple(Item(key, "fresh", place) for place, key in enumerate(self.video_ids[:limit])))

    async def following(self, user_id: int, limit: int, cursor: str | None, now_ms: int) -> Page:
        return Page((), None, "f2", "personal")


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json"
        assert self.json["status"] == self.status
        assert self.json["request_id"] == self.headers["x-request-id"]
        return str(self.json["code"])


@dataclass
class Client:
    app: Any
    services: Services
    house: House
    feed: Feed
    issuer: LocalIssuer
    metadata: Metadata
    eventlog: EventLog
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: the client goes away."""

    def token(self, user_id: int) -> str:
        return self.issuer.mint(user_id, NOW_MS)[0]

    async def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        user_id: int | None = 1,
        headers: dict[str, str] | None = None,
    ) -> Answered:
        path, _, query = target.partition("?")
        fields = {"host": "localhost:8443"}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if body is not None:
            fields |= {"content-type": "application/json", "content-length": str(len(content))}
        if user_id is not None:
            fields["authorization"] = f"Bearer {self.token(user_id)}"
        fields |= {name.lower(): value for name, value in (headers or {}).items()}
        return await self.send(method, path, query, fields, content)

    async def send(self, method: str, path: str, query: str, fields: dict[str, str], content: bytes) -> Answered:
        answered = Answered(0, {}, b"")
        messages = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await self.leave.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answered.status = message["status"]
                answered.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answered.body += message.get("body", b"")

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "2",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
            "client": ("192.0.2.1", 40000),
            "server": ("localhost", 8443),
        }
        await self.app(scope, receive, send)
        return answered


def signed(video_id: int, name: str, *, private: bool) -> tuple[str, int]:
    token = "own" if private else "t"
    return f"https://localhost:8444/p/{token}/v/{video_id}/{name}", NOW_MS + 3600_000


def make_client(settings: GatewaySettings | None = None) -> Client:
    house, feed = House(), Feed()
    metadata, eventlog = open_metadata("sqlite:///:memory:"), open_eventlog("memory:", lambda: NOW_MS)
    house.people = {1: User(1, "ada", False, NOW_MS), 2: User(2, "guest_2", True, NOW_MS)}
    house.shown = {key: a_video(key) for key in (11, 12, 13, 14, 15)}
    issuer = LocalIssuer(generate_private_key(SECP256R1()), "reelway")
    chosen = settings or GatewaySettings("https://localhost:8443", "https://localhost:8444", policies=())
    services = Services(
        house,
        house,
        feed,
        signed,
        issuer,
        MemoryLimits(),
        chosen,
        lambda: NOW_MS,
        house,
        house,
        Webhooks(metadata, eventlog, lambda: NOW_MS, count(1000).__next__, Reach()),
    )
    return Client(create_gateway(services), services, house, feed, issuer, metadata, eventlog)


@pytest.fixture
def client() -> Client:
    return make_client()


@pytest.fixture
def remake() -> Any:
    """Makes a client with other settings."""
    return make_client
