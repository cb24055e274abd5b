"""A video as the benches store it."""

from __future__ import annotations

from origin.model import Publication, StartupFile, Video, VideoStatus, Visibility


def a_video(video_id: int) -> Video:
    startup = tuple(StartupFile(f"v540-3fa9c1d2/000{n}.m4s", 90_000) for n in range(4))
    files = {"hls.m3u8": f"v/{video_id}/master-3fa9c1d2/hls.m3u8", "poster.jpg": f"v/{video_id}/poster-3fa9c1d2.jpg"}
    publication = Publication(1, files, ("v1080-a", "v720-b", "v540-c", "v360-d"), startup, 15_000, 1080, 1920)
    return Video(
        video_id, video_id % 50, "about #cats", VideoStatus.READY, Visibility.PUBLIC, 1, publication=publication
    )
