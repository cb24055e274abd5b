"""`review`: clips that moderation could not decide about, and videos that a person takes down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from deploy.cli.given import pass_settings
from deploy.cli.stores import opened_metadata, with_log
from deploy.cli.terminal import Failed, Reporter, moment, table
from deploy.clock import now_ms
from deploy.engines import readable
from deploy.settings import Settings
from origin.eventlog import EventLog
from origin.metadata import NotFound
from origin.objects import Objects, open_objects
from origin.refusals import NotHeld, Refusal
from origin.reviewing import Reviews
from origin.reviews import NOT_ALLOWED
from origin.views import ReviewView

T = TypeVar("T")
MOST_LISTED = 10_000
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_videos = click.argument("videos", type=int, nargs=-1, required=True)


@click.group()
def review() -> None:
    """Clips that wait for a person, because moderation could not tell; nothing of them is published meanwhile. And
    videos that a person takes down."""


@asynccontextmanager
async def _opened(settings: Settings, log: EventLog) -> AsyncIterator[tuple[Reviews, Objects]]:
    async with opened_metadata(settings) as metadata:
        with readable("objects_url"):
            objects = open_objects(settings.objects_url)
        try:
            yield Reviews(log, metadata, objects, now_ms), objects
        finally:
            await objects.close()


def _with_reviews(settings: Settings, work: Callable[[Reviews, Objects], Awaitable[T]]) -> T:
    async def run(log: EventLog) -> T:
        async with _opened(settings, log) as (reviews, objects):
            return await work(reviews, objects)

    return with_log(settings, run)


def _row(view: ReviewView) -> dict[str, Any]:
    return {
        "video_id": str(view.video.video_id),
        "creator_id": str(view.video.creator_id),
        "since": moment(view.since_ms),
        "reason": view.reason,
        "reupload_of": str(view.video.reupload_of or ""),
        "description": view.video.description,
    }


@review.command("list")
@_json
@pass_settings
def list_waiting(settings: Settings, as_json: bool) -> None:
    """What waits, longest first."""

    async def work(reviews: Reviews, _: Objects) -> Sequence[ReviewView]:
        return await reviews.waiting(MOST_LISTED)

    table([_row(each) for each in _with_reviews(settings, work)], as_json, "nothing waits for review")


@review.command()
@click.argument("video", type=int)
@click.argument("target", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@pass_settings
def fetch(settings: Settings, video: int, target: Path) -> None:
    """Save the clip as its creator uploaded it, to be looked at, as TARGET."""

    async def work(reviews: Reviews, objects: Objects) -> int:
        key, size = (await reviews.of(video)).clip_key, 0
        with target.open("wb") as file:
            async for block in objects.get(key):
                size += file.write(block)
        return size

    try:
        size = _with_reviews(settings, work)
    except NotHeld as error:
        raise Failed(f"{error} `reelway review list` shows what does.") from error
    except OSError as error:
        raise Failed(f"{target} cannot be written: {error.strerror}") from error
    click.echo(f"{target}: {size} bytes")


@review.command()
@_videos
@_json
@pass_settings
def allow(settings: Settings, videos: Sequence[int], as_json: bool) -> None:
    """Have the clips packaged and published."""
    done = _decide(settings, videos, as_json, "allowed", lambda reviews, video: reviews.allow(video))
    _all_waited(done, videos)


@review.command()
@_videos
@click.option("--detail", default=NOT_ALLOWED, show_default=True, help="What the creator is told.")
@_json
@pass_settings
def reject(settings: Settings, videos: Sequence[int], detail: str, as_json: bool) -> None:
    """End the clips as rejected."""
    done = _decide(settings, videos, as_json, "rejected", lambda reviews, video: reviews.reject(video, detail))
    _all_waited(done, videos)


@review.command()
@_videos
@click.option("--reason", default=NOT_ALLOWED, show_default=True, help="What the creator is told.")
@click.option("--undo", is_flag=True, help="Show the videos again, as they were.")
@_json
@pass_settings
def takedown(settings: Settings, videos: Sequence[int], reason: str, undo: bool, as_json: bool) -> None:
    """Show the videos to nobody any more, whether they wait for review or not. Their clips are kept for --undo."""
    if undo:
        done = _decide(settings, videos, as_json, "restored", lambda reviews, video: reviews.restore(video))
    else:
        done = _decide(settings, videos, as_json, "taken down", lambda reviews, video: reviews.take_down(video, reason))
    if done < len(videos):
        raise Failed(f"{len(videos) - done} of {len(videos)} are as they were")


def _all_waited(done: int, videos: Sequence[int]) -> None:
    if done < len(videos):
        raise Failed(f"{len(videos) - done} of {len(videos)} do not wait; `reelway review list` shows what does")


def _decide(
    settings: Settings,
    videos: Sequence[int],
    as_json: bool,
    decision: str,
    decide: Callable[[Reviews, int], Awaitable[None]],
) -> int:
    """How many were decided; each by itself: one that cannot be keeps no other from its decision."""

    async def work(reviews: Reviews, _: Objects) -> int:
        done = 0
        for video in videos:
            try:
                await decide(reviews, video)
            except (Refusal, NotFound) as error:
                Reporter(as_json).event(str(error), video_id=str(video), error=str(error))
                continue
            done += 1
            Reporter(as_json).event(f"{video} is {decision}", video_id=str(video), decision=decision)
        return done

    return _with_reviews(settings, work)
