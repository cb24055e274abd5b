"""Who may see what. Rules file."""

from __future__ import annotations

from origin.model import WATCHABLE, WORKED_ON, Video, VideoStatus, Visibility


def can_watch(video: Video, viewer_id: int) -> bool:
    """It plays, for this viewer."""
    return video.status in WATCHABLE and (video.visibility is not Visibility.PRIVATE or video.creator_id == viewer_id)


def is_told_of_packaging(video: Video, viewer_id: int) -> bool:
    """Whether the viewer may follow its packaging: its creator, while a packager works on it."""
    under_way = video.status in WORKED_ON and video.held_at_ms is None
    return under_way and video.creator_id == viewer_id


def can_see(video: Video, viewer_id: int) -> bool:
    """It may be looked at: a creator also sees what does not play yet, or failed."""
    if video.status is VideoStatus.DELETED:
        return False
    return video.creator_id == viewer_id or can_watch(video, viewer_id)
