"""Viewers and creators: what a real client does, retries included."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.gameday.answers import Answer, Kind, Outcome
from tests.gameday.journal import Journal

FEED_PATIENCE_S = 2.0
PATIENCE_S = 5.0
UPLOAD_PATIENCE_S = 15.0
"""For one request of an upload."""
UPLOAD_GIVES_UP_S = 90.0
REPORT_TRIES = 8
REPORT_PAUSE_S = 1.0
TUS = {"Tus-Resumable": "1.0.0"}
COME_AGAIN = frozenset({409, 423, 429, 503, 507})


@dataclass(slots=True)
class Person:
    """Has connections of their own, as a phone has; a pool for everybody searches all of them at each request."""

    user_id: int
    token: str
    client: httpx.AsyncClient
    shown: list[dict[str, Any]] = field(default_factory=list)
    """Videos of the last page."""


@dataclass(slots=True)
class World:
    """Where the people live."""

    people: list[Person]
    library: list[int]
    """Videos that are ready before the load begins."""
    clip: bytes
    journal: Journal
    chance: random.Random

    def someone(self) -> Person:
        return self.chance.choice(self.people)

    async def ask(
        self, kind: Kind, person: Person, due_s: float, patience_s: float, method: str, url: str, **sent: Any
    ) -> httpx.Response | None:
        """One request and its note in the journal; None when there was no answer in time."""
        headers = {"Authorization": f"Bearer {person.token}", **sent.pop("headers", {})}
        began_s = time.monotonic()
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(patience_s):
                response = await person.client.request(method, url, headers=headers, **sent)
        except TimeoutError:
            detail = f"no answer in {patience_s:.0f} s"
        except httpx.HTTPError as error:
            detail = type(error).__name__
        else:
            detail = _said(response)
        took_s = time.monotonic() - due_s
        outcome = _outcome(response)
        mode = _mode(response) if kind is Kind.FEED and outcome is Outcome.ANSWERED else ""
        self.journal.answers.append(Answer(kind, due_s, began_s - due_s, took_s, outcome, detail, mode))
        return response if outcome is Outcome.ANSWERED else None


def _outcome(response: httpx.Response | None) -> Outcome:
    if response is None:
        return Outcome.FAILED
    if response.is_success:
        return Outcome.ANSWERED
    return Outcome.PUT_OFF if response.status_code in COME_AGAIN else Outcome.FAILED


def _said(response: httpx.Response) -> str:
    if response.is_success:
        return str(response.status_code)
    try:
        return f"{response.status_code} {response.json().get('code', '')} {response.json().get('detail', '')}"
    except ValueError:
        return f"{response.status_code} {response.text[:60]}"


def _mode(response: httpx.Response | None) -> str:
    page = response.json() if response is not None else {}
    return str(page["mode"]) if page.get("items") else "empty"


async def read_feed(world: World, due_s: float) -> None:
    person = world.someone()
    response = await world.ask(Kind.FEED, person, due_s, FEED_PATIENCE_S, "GET", "/v1/feed?limit=5")
    if response is not None:
        person.shown = [item["video"] for item in response.json()["items"]]


async def read_video(world: World, due_s: float) -> None:
    video_id = world.chance.choice(world.library)
    await world.ask(Kind.VIDEOS, world.someone(), due_s, FEED_PATIENCE_S, "GET", f"/v1/videos/{video_id}")


async def read_media(world: World, due_s: float) -> None:
    """The playlist and the poster of something that the feed showed: what a player asks for first."""
    person = next((each for each in world.chance.sample(world.people, len(world.people)) if each.shown), None)
    if person is None:
        return
    playback = world.chance.choice(person.shown)["playback"]
    await world.ask(Kind.MEDIA, person, due_s, FEED_PATIENCE_S, "GET", playback["hls"])


async def report(world: World, due_s: float) -> None:
    """Interactions with ids of their own, sent again under the same ids until they are acknowledged."""
    person = world.someone()
    events = [_event(world) for _ in range(world.chance.randint(1, 3))]
    ids = [event["event_id"] for event in events]
    world.journal.sent_events.update(ids)
    for _ in range(REPORT_TRIES):
        response = await world.ask(
            Kind.INTERACTIONS, person, due_s, PATIENCE_S, "POST", "/v1/interactions", json={"events": events}
        )
        if response is not None:
            refused = {each["index"] for each in response.json()["rejected"]}
            taken = [each for index, each in enumerate(ids) if index not in refused]
            world.journal.acknowledged_events.update(taken)
            return
        await asyncio.sleep(REPORT_PAUSE_S)
        due_s = time.monotonic()


def _event(world: World) -> Mapping[str, Any]:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    kind = world.chance.choices(("view", "skip", "share"), (8, 1, 1))[0]
    video_id = str(world.chance.choice(world.library))
    return {"event_id": uuid.uuid4().hex, "type": kind, "video_id": video_id, "watch_ms": 1500, "at": at}


async def like(world: World, due_s: float) -> None:
    person, video_id = world.someone(), world.chance.choice(world.library)
    path = f"/v1/videos/{video_id}/like"
    if await world.ask(Kind.LIKES, person, due_s, PATIENCE_S, "PUT", path) is not None:
        world.journal.acknowledged_likes.add((person.user_id, video_id))


async def upload(world: World, due_s: float) -> None:
    """A clip by tus in two requests; what breaks off goes on at the offset that the server tells."""
    person, size = world.someone(), len(world.clip)
    deadline_s = time.monotonic() + UPLOAD_GIVES_UP_S
    create = {**TUS, "Upload-Length": str(size)}
    while True:
        made = await world.ask(Kind.UPLOADS, person, due_s, UPLOAD_PATIENCE_S, "POST", "/v1/uploads", headers=create)
        if made is not None:
            break
        if time.monotonic() > deadline_s:
            world.journal.given_up_uploads += 1
            return
        await asyncio.sleep(1)
        due_s = time.monotonic()
    location, offset = made.headers["Location"], 0
    while offset < size:
        sent = await _send(world, person, location, offset)
        while sent is None:
            if time.monotonic() > deadline_s:
                world.journal.given_up_uploads += 1
                return
            await asyncio.sleep(0.5)
            now_s = time.monotonic()
            sent = await world.ask(Kind.UPLOADS, person, now_s, UPLOAD_PATIENCE_S, "HEAD", location, headers=TUS)
        offset = int(sent.headers["Upload-Offset"])
    world.journal.acknowledged_uploads[int(made.headers["Reelway-Video-Id"])] = size


async def _send(world: World, person: Person, location: str, offset: int) -> httpx.Response | None:
    half = (len(world.clip) + 1) // 2
    body = world.clip[offset : half if offset < half else len(world.clip)]
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return await world.ask(
        Kind.UPLOADS, person, time.monotonic(), UPLOAD_PATIENCE_S, "PATCH", location, headers=headers, content=body
    )
