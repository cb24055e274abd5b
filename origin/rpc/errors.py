"""How exceptions cross from role to role: a status for gRPC, a reason in the trailing metadata for us, and the text.

Rules file. The reason names the class; a reader that does not know it says RoleUnavailable instead. Reasons are
stable: never rename one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from origin import refusals
from origin.eventlog import base as eventlog
from origin.ids import NoIds
from origin.metadata import base as metadata
from origin.objects import base as objects
from origin.roles import RoleUnavailable

REASON_KEY = "reelway-error"
TEXT_MOST = 500
"""Characters of a text that cross."""
UNAVAILABLE = "UNAVAILABLE"
"""The status of what a retry helps against."""


@dataclass(frozen=True, slots=True)
class Known:
    """One row of the table."""

    kind: type[Exception]
    reason: str
    status: str
    """A name of gRPC's status codes."""


ORIGIN_ERRORS: Sequence[Known] = (
    Known(metadata.NotFound, "NOT_FOUND", "NOT_FOUND"),
    Known(metadata.HandleTaken, "HANDLE_TAKEN", "ALREADY_EXISTS"),
    Known(metadata.NoWorkerNumber, "NO_WORKER_NUMBER", "RESOURCE_EXHAUSTED"),
    Known(metadata.MetadataUnavailable, "METADATA_UNAVAILABLE", UNAVAILABLE),
    Known(metadata.MetadataUnprepared, "METADATA_UNPREPARED", "FAILED_PRECONDITION"),
    Known(metadata.MetadataDenied, "METADATA_DENIED", "FAILED_PRECONDITION"),
    Known(metadata.MetadataMisplaced, "METADATA_MISPLACED", "FAILED_PRECONDITION"),
    Known(metadata.MetadataTooNew, "METADATA_TOO_NEW", "FAILED_PRECONDITION"),
    Known(metadata.MetadataFull, "METADATA_FULL", "RESOURCE_EXHAUSTED"),
    Known(metadata.MetadataError, "METADATA_ERROR", "INTERNAL"),
    Known(objects.NoSuchObject, "NO_SUCH_OBJECT", "NOT_FOUND"),
    Known(objects.InvalidKey, "INVALID_KEY", "INVALID_ARGUMENT"),
    Known(objects.TooManyParts, "TOO_MANY_PARTS", "FAILED_PRECONDITION"),
    Known(objects.StoreUnprepared, "STORE_UNPREPARED", "FAILED_PRECONDITION"),
    Known(objects.StoreDenied, "STORE_DENIED", "FAILED_PRECONDITION"),
    Known(objects.StoreFull, "STORE_FULL", "RESOURCE_EXHAUSTED"),
    Known(objects.StoreUnavailable, "STORE_UNAVAILABLE", UNAVAILABLE),
    Known(objects.ObjectStoreError, "OBJECT_STORE_ERROR", "INTERNAL"),
    Known(eventlog.LogUnavailable, "LOG_UNAVAILABLE", UNAVAILABLE),
    Known(eventlog.LogUnprepared, "LOG_UNPREPARED", "FAILED_PRECONDITION"),
    Known(eventlog.LogDenied, "LOG_DENIED", "FAILED_PRECONDITION"),
    Known(eventlog.LogFull, "LOG_FULL", "RESOURCE_EXHAUSTED"),
    Known(eventlog.EventLogError, "EVENT_LOG_ERROR", "INTERNAL"),
    Known(refusals.NotCreator, "NOT_CREATOR", "PERMISSION_DENIED"),
    Known(refusals.SelfFollow, "SELF_FOLLOW", "INVALID_ARGUMENT"),
    Known(refusals.CommentRefused, "COMMENT_REFUSED", "INVALID_ARGUMENT"),
    Known(refusals.BadCaptions, "BAD_CAPTIONS", "INVALID_ARGUMENT"),
    Known(refusals.BadWebhook, "BAD_WEBHOOK", "INVALID_ARGUMENT"),
    Known(refusals.TooManyWebhooks, "TOO_MANY_WEBHOOKS", "RESOURCE_EXHAUSTED"),
    Known(refusals.WebhookDisabled, "WEBHOOK_DISABLED", "FAILED_PRECONDITION"),
    Known(refusals.StillRetrying, "STILL_RETRYING", "FAILED_PRECONDITION"),
    Known(refusals.AlreadyNamed, "ALREADY_NAMED", "FAILED_PRECONDITION"),
    Known(refusals.NotHeld, "NOT_HELD", "FAILED_PRECONDITION"),
    Known(refusals.NothingToTakeDown, "NOTHING_TO_TAKE_DOWN", "FAILED_PRECONDITION"),
    Known(refusals.NotTakenDown, "NOT_TAKEN_DOWN", "FAILED_PRECONDITION"),
    Known(refusals.UploadIncomplete, "UPLOAD_INCOMPLETE", "FAILED_PRECONDITION"),
    Known(refusals.NoSuchPartial, "NO_SUCH_PARTIAL", "FAILED_PRECONDITION"),
    Known(refusals.NoDirectUploads, "NO_DIRECT_UPLOADS", "UNIMPLEMENTED"),
    Known(refusals.NotAClip, "NOT_A_CLIP", "INVALID_ARGUMENT"),
    Known(refusals.WrongDigest, "WRONG_DIGEST", "INVALID_ARGUMENT"),
    Known(refusals.Refusal, "REFUSED", "FAILED_PRECONDITION"),
    Known(NoIds, "NO_IDS", UNAVAILABLE),
    Known(RoleUnavailable, "ROLE_UNAVAILABLE", UNAVAILABLE),
)


class Errors:
    """The table, both ways."""

    def __init__(self, table: Sequence[Known]) -> None:
        self._by_kind = {known.kind: known for known in table}
        self._by_reason = {known.reason: known.kind for known in table}

    def known(self, error: Exception) -> Known | None:
        """The row of the error's class, or of the nearest one it is derived from."""
        for kind in type(error).__mro__:
            if kind in self._by_kind:
                return self._by_kind[kind]
        return None

    def restored(self, reason: str, text: str) -> Exception | None:
        """The exception as it was raised on the other side; None for a reason of a newer peer."""
        kind = self._by_reason.get(reason)
        return None if kind is None else kind(text)
