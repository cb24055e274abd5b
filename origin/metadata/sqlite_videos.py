"""Videos in SQLite: statements that run on a connection of `origin.sqlite_database`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence, Set
from typing import Any

from origin.ids import MAX_ID
from origin.metadata.base import NotFound
from origin.metadata.caption_text import caption_text, captions_of
from origin.metadata.publications import publication_of, publication_text
from origin.model import (
    Caption,
    Counts,
    Failure,
    Publication,
    Video,
    VideoStatus,
    Visibility,
)

_SELECT = """SELECT video_id, creator_id, description, status, visibility, created_at_ms, progress, raw_key,
    published_at_ms, tags, views, likes, comments, shares, publication, failure_code, failure_detail, captions,
    held_at_ms, taken_down_from, takedowns, reupload_of FROM videos"""
_SEVERAL = f"{_SELECT} WHERE video_id IN (SELECT value FROM json_each(?))"  # noqa: S608 -- constants only
# The words of the partial indexes: SQLite uses one only for a query that repeats them.
_PUBLIC = "visibility = 'public' AND status IN ('playable', 'ready')"
_STATUS = {str(status): status for status in VideoStatus}
_VISIBILITY = {str(visibility): visibility for visibility in Visibility}


def _video(row: tuple[Any, ...]) -> Video:
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
        tags=tuple(json.loads(row[9])) if row[9] != "[]" else (),
        counts=Counts(row[10], row[11], row[12], row[13]),
        publication=publication_of(row[14]) if row[14] is not None else None,
        failure=Failure(row[15], row[16]) if row[15] is not None else None,
        captions=captions_of(json.loads(row[17])) if row[17] != "{}" else (),
        held_at_ms=row[18],
        taken_down_from=_STATUS[row[19]] if row[19] is not None else None,
        takedowns=row[20],
        reupload_of=row[21],
    )


def create(connection: sqlite3.Connection, video: Video) -> None:
    publication, failure, counts = video.publication, video.failure, video.counts
    connection.execute(
        "INSERT INTO videos VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            video.video_id,
            video.creator_id,
            video.description,
            video.status,
            video.visibility,
            video.created_at_ms,
            video.progress,
            video.raw_key,
            video.published_at_ms,
            json.dumps(video.tags),
            counts.views,
            counts.likes,
            counts.comments,
            counts.shares,
            publication.revision if publication else 0,
            publication_text(publication) if publication else None,
            failure.code if failure else None,
            failure.detail if failure else None,
            json.dumps({each.language: caption_text(each) for each in video.captions}),
            video.held_at_ms,
            video.taken_down_from,
            video.takedowns,
            video.reupload_of,
        ),
    )


def one(connection: sqlite3.Connection, video_id: int) -> Video:
    row = connection.execute(f"{_SELECT} WHERE video_id = ?", (video_id,)).fetchone()
    if row is None:
        raise NotFound(f"no video {video_id}")
    return _video(row)


def several(connection: sqlite3.Connection, video_ids: Sequence[int]) -> dict[int, Video]:
    rows = connection.execute(_SEVERAL, (json.dumps(list(video_ids)),))
    return {row[0]: _video(row) for row in rows}


def edit(
    connection: sqlite3.Connection,
    video_id: int,
    description: str | None,
    tags: tuple[str, ...] | None,
    visibility: Visibility | None,
) -> Video:
    connection.execute(
        "UPDATE videos SET description = coalesce(?, description), tags = coalesce(?, tags),"
        " visibility = coalesce(?, visibility) WHERE video_id = ?",
        (description, None if tags is None else json.dumps(tags), visibility, video_id),
    )
    return one(connection, video_id)


def set_caption(connection: sqlite3.Connection, video_id: int, language: str, caption: Caption | None) -> Video:
    found = one(connection, video_id)
    if found.status is VideoStatus.DELETED:
        raise NotFound(f"no video {video_id}")
    kept = {each.language: caption_text(each) for each in found.captions if each.language != language}
    if caption is not None:
        kept[language] = caption_text(caption)
    connection.execute("UPDATE videos SET captions = ? WHERE video_id = ?", (json.dumps(kept), video_id))
    return one(connection, video_id)


def set_held(connection: sqlite3.Connection, video_id: int, held_at_ms: int | None) -> None:
    connection.execute(
        "UPDATE videos SET held_at_ms = ? WHERE video_id = ? AND status = ?",
        (held_at_ms, video_id, VideoStatus.PROCESSING),
    )


def transition(
    connection: sqlite3.Connection, video_id: int, allowed: Set[VideoStatus], to: VideoStatus, failure: Failure | None
) -> bool:
    code, detail = (failure.code, failure.detail) if failure else (None, None)
    changed = connection.execute(
        "UPDATE videos SET status = ?, failure_code = ?, failure_detail = ?"
        " WHERE video_id = ? AND status IN (SELECT value FROM json_each(?))",
        (to, code, detail, video_id, json.dumps(sorted(allowed))),
    )
    return changed.rowcount == 1


def take_down(connection: sqlite3.Connection, video_id: int, allowed: Set[VideoStatus], failure: Failure) -> bool:
    changed = connection.execute(
        "UPDATE videos SET taken_down_from = status, takedowns = takedowns + 1, status = ?, failure_code = ?,"
        " failure_detail = ?"
        " WHERE video_id = ? AND status IN (SELECT value FROM json_each(?))",
        (VideoStatus.REJECTED, failure.code, failure.detail, video_id, json.dumps(sorted(allowed))),
    )
    return changed.rowcount == 1


def restore(connection: sqlite3.Connection, video_id: int) -> bool:
    changed = connection.execute(
        "UPDATE videos SET status = CASE status WHEN ? THEN taken_down_from ELSE status END, taken_down_from = NULL,"
        " failure_code = NULL, failure_detail = NULL WHERE video_id = ? AND taken_down_from IS NOT NULL",
        (VideoStatus.REJECTED, video_id),
    )
    return changed.rowcount == 1


def set_progress(connection: sqlite3.Connection, video_id: int, progress: float) -> None:
    connection.execute("UPDATE videos SET progress = ? WHERE video_id = ?", (progress, video_id))


def mark_reupload(connection: sqlite3.Connection, video_id: int, original_id: int | None) -> None:
    connection.execute("UPDATE videos SET reupload_of = ? WHERE video_id = ?", (original_id, video_id))


def publish(
    connection: sqlite3.Connection,
    video_id: int,
    publication: Publication,
    status: VideoStatus,
    now_ms: int,
    allowed: Set[VideoStatus],
) -> bool:
    changed = connection.execute(
        "UPDATE videos SET status = ?, revision = ?, publication = ?, failure_code = NULL, failure_detail = NULL,"
        " held_at_ms = NULL, published_at_ms = coalesce(published_at_ms, ?)"
        " WHERE video_id = ? AND revision < ? AND status IN (SELECT value FROM json_each(?))",
        (
            status,
            publication.revision,
            publication_text(publication),
            now_ms,
            video_id,
            publication.revision,
            json.dumps(sorted(allowed)),
        ),
    )
    return changed.rowcount == 1


def by_creator(
    connection: sqlite3.Connection, creator_id: int, before_id: int | None, limit: int, public_only: bool
) -> list[Video]:
    wanted = _PUBLIC if public_only else "status <> 'deleted'"
    rows = connection.execute(
        f"{_SELECT} WHERE creator_id = ? AND video_id < ? AND {wanted} ORDER BY video_id DESC LIMIT ?",
        (creator_id, _before(before_id), limit),
    )
    return [_video(row) for row in rows]


def newest_public(connection: sqlite3.Connection, before_id: int | None, limit: int) -> list[Video]:
    rows = connection.execute(
        f"{_SELECT} INDEXED BY videos_public WHERE video_id < ? AND {_PUBLIC} ORDER BY video_id DESC LIMIT ?",
        (_before(before_id), limit),
    )
    return [_video(row) for row in rows]


def following_feed(connection: sqlite3.Connection, user_id: int, before_id: int | None, limit: int) -> list[int]:
    # Each followed creator gives at most a page, so a prolific one costs no more than any other.
    rows = connection.execute(
        """SELECT v.video_id FROM follows f JOIN videos v ON v.video_id IN (
                SELECT video_id FROM videos
                WHERE creator_id = f.followee_id AND video_id < ?2
                    AND visibility = 'public' AND status IN ('playable', 'ready')
                ORDER BY video_id DESC LIMIT ?3)
            WHERE f.follower_id = ?1 ORDER BY v.video_id DESC LIMIT ?3""",
        (user_id, _before(before_id), limit),
    )
    return [row[0] for row in rows]


def _before(before_id: int | None) -> int:
    return MAX_ID if before_id is None else before_id
