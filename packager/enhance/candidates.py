"""Which videos get AV1 renditions, and in which order. Rules file."""

from __future__ import annotations

from collections.abc import Sequence

from origin.model import HotVideo, Publication, Video, VideoStatus

AV1 = "av1"
"""What the names of AV1's tracks end with: `v540av1` stands beside `v540`."""


def deserving(hot: Sequence[HotVideo], from_heat: int) -> tuple[Video, ...]:
    """The ready ones that are hot enough and have no AV1 yet, as they come.

    Popularity is the only measure: AV1 costs CPU once and saves bytes with every view. An old video that is hot again
    deserves it as much as a new one, because the uploaded clip is kept.
    """
    return tuple(
        each.video
        for each in hot
        if each.heat >= from_heat
        and each.video.status is VideoStatus.READY
        and each.video.publication is not None
        and not has_av1(each.video.publication)
    )


def has_av1(publication: Publication) -> bool:
    return any(track_of(folder).endswith(AV1) for folder in publication.renditions)


def track_of(folder: str) -> str:
    """`v540` of `v540-3fa9c1d2`."""
    return folder.partition("-")[0]
