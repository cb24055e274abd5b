"""Videos in Cassandra: their rows, and what moves them. The lists they are in are `cassandra_shown`'s.

Cells of `videos` and their timestamps: a creation writes at timestamp 1; status, visibility, description, tags,
captions, publication, since when it waits for a person and what it was taken down from change by compare-and-set only,
whose ballots are microseconds of today; progress and what it is a re-upload of change by plain writes only. So no cell
is written both ways.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence, Set
from typing import Any

from origin.metadata import cassandra_shown as shown
from origin.metadata.base import MetadataUnavailable, NotFound
from origin.metadata.caption_text import caption_text, captions_of
from origin.metadata.cassandra_session import UNSET, CassandraSession, Row, Statement, compare_and_set, near, settled
from origin.metadata.publications import publication_of, publication_text
from origin.model import WATCHABLE, Caption, Counts, Failure, Publication, Video, VideoStatus, Visibility

_SELECT = """SELECT video_id, creator_id, description, status, visibility, toUnixTimestamp(timestamp), progress, s3_url,
    toUnixTimestamp(published_at), tags, publication, failure_code, failure_detail, captions,
    toUnixTimestamp(held_at), taken_down_from, takedowns, reupload_of FROM videos"""
_READ = Statement(f"{_SELECT} WHERE video_id = ?")
_SEVERAL = Statement(f"{_SELECT} WHERE video_id IN ?")
_COUNTS = "SELECT video_id, views, likes, comments, shares FROM video_counts"
_READ_COUNTS = Statement(f"{_COUNTS} WHERE video_id = ?")
_SEVERAL_COUNTS = near(f"{_COUNTS} WHERE video_id IN ?")
_CREATE = Statement(
    "INSERT INTO videos (video_id, creator_id, description, status, visibility, timestamp, progress, s3_url,"
    " published_at, tags, revision, publication, thumbnail_url, failure_code, failure_detail, captions, held_at,"
    " taken_down_from, takedowns, reupload_of)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP 1"
)
_CREATE_COUNTS = Statement(
    "INSERT INTO video_counts (video_id, creator_id, views, likes, comments, shares, flush)"
    " VALUES (?, ?, ?, ?, ?, ?, 0) USING TIMESTAMP 0"
)
_PROGRESS = Statement("UPDATE videos SET progress = ? WHERE video_id = ?")
_MARK_REUPLOAD = Statement("UPDATE videos SET reupload_of = ? WHERE video_id = ?")
_EDIT = compare_and_set(
    "UPDATE videos SET description = ?, tags = ?, visibility = ?, change = ? WHERE video_id = ? IF status IN ?"
)
_SET_CAPTION = compare_and_set("UPDATE videos SET captions[?] = ?, change = ? WHERE video_id = ? IF status IN ?")
_SET_HELD = compare_and_set("UPDATE videos SET held_at = ?, change = ? WHERE video_id = ? IF status IN ?")
_TRANSITION = compare_and_set(
    "UPDATE videos SET status = ?, failure_code = ?, failure_detail = ?, change = ? WHERE video_id = ? IF status IN ?"
)
_PUBLISH = compare_and_set(
    "UPDATE videos SET status = ?, revision = ?, publication = ?, thumbnail_url = ?, published_at = ?,"
    " failure_code = null, failure_detail = null, held_at = null, change = ?"
    " WHERE video_id = ? IF status IN ? AND revision = ?"
)
LAST_CHANGE = settled("SELECT change FROM videos WHERE video_id = ?")
_PUBLISHED = Statement("SELECT status, revision, toUnixTimestamp(published_at) FROM videos WHERE video_id = ?")
LOST_RACES = 8
_POSTER = "poster.jpg"
_STATUS = {str(status): status for status in VideoStatus}
_VISIBILITY = {str(visibility): visibility for visibility in Visibility}


def _video(row: Row, counts: Row | None) -> Video:
    return Video(
        video_id=row[0],
        creator_id=row[1],
        description=row[2],
        status=_STATUS[row[3]],
        visibility=_VISIBILITY[row[4]],
        created_at_ms=row[5],
        progress=row[6],
        raw_key=row[7],
        published_at_ms=row[8],
        tags=tuple(row[9] or ()),
        counts=Counts(*counts[1:]) if counts is not None else Counts(),
        publication=publication_of(row[10]) if row[10] is not None else None,
        failure=Failure(row[11], row[12]) if row[11] is not None else None,
        captions=captions_of(row[13] or {}),
        held_at_ms=row[14],
        taken_down_from=_STATUS[row[15]] if row[15] is not None else None,
        takedowns=row[16] or 0,
        reupload_of=row[17],
    )


def _is_there(row: Row | None) -> bool:
    # Progress of a video that is not there makes a row with nothing else.
    return row is not None and row[1] is not None


async def create(session: CassandraSession, video: Video) -> None:
    counts, publication, failure = video.counts, video.publication, video.failure
    await asyncio.gather(
        shown.enlist(session, video),
        session.write(
            _CREATE_COUNTS,
            video.video_id,
            video.creator_id,
            counts.views,
            counts.likes,
            counts.comments,
            counts.shares,
        ),
    )
    # Last, so that a video that is there is in its lists.
    await session.write(
        _CREATE,
        video.video_id,
        video.creator_id,
        video.description,
        video.status.value,
        video.visibility.value,
        video.created_at_ms,
        video.progress,
        video.raw_key,
        video.published_at_ms,
        list(video.tags),
        publication.revision if publication else 0,
        publication_text(publication) if publication else None,
        publication.files.get(_POSTER) if publication else None,
        failure.code if failure else None,
        failure.detail if failure else None,
        {each.language: caption_text(each) for each in video.captions} or UNSET,
        UNSET if video.held_at_ms is None else video.held_at_ms,
        UNSET if video.taken_down_from is None else video.taken_down_from.value,
        video.takedowns or UNSET,
        UNSET if video.reupload_of is None else video.reupload_of,
    )


async def one(session: CassandraSession, video_id: int) -> Video:
    row, counts = await asyncio.gather(session.row(_READ, video_id), session.row(_READ_COUNTS, video_id))
    if row is None or not _is_there(row):
        raise NotFound(f"no video {video_id}")
    return _video(row, counts)


async def several(session: CassandraSession, video_ids: Sequence[int]) -> Mapping[int, Video]:
    rows, counts = await asyncio.gather(session.each(_SEVERAL, video_ids), session.each(_SEVERAL_COUNTS, video_ids))
    counts_of = {row[0]: row for row in counts}
    return {row[0]: _video(row, counts_of.get(row[0])) for row in rows if _is_there(row)}


async def set_progress(session: CassandraSession, video_id: int, progress: float) -> None:
    await session.write(_PROGRESS, progress, video_id)


async def mark_reupload(session: CassandraSession, video_id: int, original_id: int | None) -> None:
    await session.write(_MARK_REUPLOAD, original_id, video_id)


async def edit(
    session: CassandraSession,
    video_id: int,
    description: str | None,
    tags: tuple[str, ...] | None,
    visibility: Visibility | None,
) -> Video:
    if visibility is Visibility.PUBLIC:
        await shown.before_showing(session, video_id)
    change = uuid.uuid4()
    given: tuple[Any, ...] = (
        UNSET if description is None else description,
        UNSET if tags is None else list(tags),
        UNSET if visibility is None else visibility.value,
    )
    if not await session.decide(_EDIT, (*given, change, video_id, list(_STATUS)), change, LAST_CHANGE, video_id):
        raise NotFound(f"no video {video_id}")
    if visibility is not None:
        await shown.settle(session, video_id)
    return await one(session, video_id)


async def set_caption(session: CassandraSession, video_id: int, language: str, caption: Caption | None) -> Video:
    change = uuid.uuid4()
    text = None if caption is None else caption_text(caption)
    params = (language, text, change, video_id, values_of(set(VideoStatus) - {VideoStatus.DELETED}))
    if not await session.decide(_SET_CAPTION, params, change, LAST_CHANGE, video_id):
        raise NotFound(f"no video {video_id}")
    return await one(session, video_id)


async def set_held(session: CassandraSession, video_id: int, held_at_ms: int | None) -> None:
    change = uuid.uuid4()
    params = (held_at_ms, change, video_id, [VideoStatus.PROCESSING.value])
    await session.decide(_SET_HELD, params, change, LAST_CHANGE, video_id)


async def transition(
    session: CassandraSession, video_id: int, allowed: Set[VideoStatus], to: VideoStatus, failure: Failure | None
) -> bool:
    if to in WATCHABLE:
        await shown.before_showing(session, video_id)
    change = uuid.uuid4()
    code, detail = (failure.code, failure.detail) if failure else (None, None)
    params = (to.value, code, detail, change, video_id, values_of(allowed))
    done = await session.decide(_TRANSITION, params, change, LAST_CHANGE, video_id)
    if done and (to in WATCHABLE or to is VideoStatus.DELETED or allowed & WATCHABLE):
        await shown.settle(session, video_id)
    return done


async def publish(
    session: CassandraSession,
    video_id: int,
    publication: Publication,
    status: VideoStatus,
    now_ms: int,
    allowed: Set[VideoStatus],
) -> bool:
    for _ in range(LOST_RACES):
        row = await session.row(_PUBLISHED, video_id)
        if row is None or row[0] not in values_of(allowed) or row[1] >= publication.revision:
            return False
        await shown.before_showing(session, video_id)
        change = uuid.uuid4()
        params = (
            status.value,
            publication.revision,
            publication_text(publication),
            publication.files.get(_POSTER),
            row[2] if row[2] is not None else now_ms,
            change,
            video_id,
            values_of(allowed),
            row[1],
        )
        if await session.decide(_PUBLISH, params, change, LAST_CHANGE, video_id):
            await shown.settle(session, video_id)
            return True
    raise contended(video_id)


def contended(video_id: int) -> MetadataUnavailable:
    return MetadataUnavailable(f"video {video_id} is changed by too many at once")


def values_of(statuses: Set[VideoStatus]) -> list[str]:
    return [status.value for status in statuses]
