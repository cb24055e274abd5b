"""What the packager needs of the system of record. `deploy.compose` implements it with origin's use cases."""

from __future__ import annotations

from typing import Protocol

from origin.model import Failure, Publication, Video, VideoStatus
from origin.prints import Glimpses, Print
from origin.progress.base import Packaging
from origin.reuploads import Recognised


class Catalog(Protocol):
    """Every method is safe to repeat, because an event may be delivered again after a crash.

    A video that is deleted, or whose end is decided (`ready`, `rejected`, `failed`), is changed by none of them.
    All raise MetadataError and EventLogError of origin's ports; a retry may help.
    """

    async def video(self, video_id: int) -> Video | None:
        """The video as it is now; None when there never was one, or its row is gone."""

    async def begin_processing(self, video_id: int) -> Video | None:
        """Compare and set: `uploading` or `queued` becomes `processing`; `processing` and `playable` stay (a job that
        was cut short starts over). Returns the video, or None when there is nothing to do for it."""

    async def report_progress(self, video_id: int, progress: float, packaging: Packaging) -> bool:
        """Note how far packaging is (0-1), in which stage, and each rung, for the creator's progress events.

        False when the video was deleted, or its end decided: the job is to stop unless that was its own doing.
        """

    async def resembles_taken_down(self, video_id: int, glimpses: Glimpses) -> bool:
        """Whether a clip that looks so is to be recognised before anything of it is published."""

    async def recognise(self, video_id: int, print_: Print) -> Recognised | None:
        """Keep the clip's print and note which earlier video it is of; whether it is like one that was taken down."""

    async def hold(self, video_id: int) -> None:
        """Tell its creator that the video waits for a person's verdict."""

    async def publish(self, video_id: int, publication: Publication, status: VideoStatus) -> bool:
        """Replace the publication and set `playable` or `ready` in one step; a viewer sees the old or the new.

        Refused (False) when the video was deleted meanwhile, or has a publication with this revision or a later one. A
        publication that is in place already is announced again: a crash may have come between the two.
        """

    async def reject(self, video_id: int, failure: Failure) -> None:
        """End as `rejected`: moderation refused it."""

    async def fail(self, video_id: int, failure: Failure) -> None:
        """End as `failed`. The failure's detail is shown to the creator."""
