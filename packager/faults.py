"""Whose fault is it, and does another try help? The one place that maps exceptions to a job's fate."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from origin.eventlog.base import EventLogError, LogFull
from origin.metadata.base import MetadataError, MetadataFull
from origin.objects.base import InvalidKey, NoSuchObject, ObjectStoreError, StoreFull
from packager.moderation.base import ModerationError
from packager.process import ProcessError, ProcessTimedOut


class DiskFull(Exception):
    """The work folder's disk has too little room to begin a job. Helps once an operator made some."""


@dataclass(frozen=True, slots=True)
class Fault:
    code: str
    detail: str
    """For the operator: goes to the retry and dead-letter topics, never to a creator."""
    final: bool
    """True when another try cannot help."""
    waits: bool = False
    """True when the job did nothing wrong and waiting cures it: room or a store is missing. Uses up no attempt."""


def classify(error: Exception) -> Fault:
    """Never raises; what is not known is taken for a passing fault, because a dead letter can be replayed."""
    match error:
        case ExceptionGroup():
            return classify(error.exceptions[0])
        case NoSuchObject() | InvalidKey():
            return Fault("upload_missing", str(error), final=True)
        case StoreFull() | MetadataFull() | LogFull() | DiskFull():
            return Fault("disk_full", str(error), final=False, waits=True)
        case ObjectStoreError() | EventLogError() | MetadataError():
            return Fault("storage_unavailable", str(error), final=False, waits=True)
        case ModerationError():
            return Fault("moderation_unavailable", str(error), final=False)
        case ProcessTimedOut():
            return Fault("too_slow", _with_tail(error), final=False)
        case ProcessError():
            return Fault("encoder_failed", _with_tail(error), final=False)
        case OSError() if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return Fault("disk_full", str(error), final=False, waits=True)
        case _:
            return Fault("internal", f"{type(error).__name__}: {error}", final=False)


def _with_tail(error: ProcessError) -> str:
    return "\n".join([str(error), *error.stderr_tail])[:4000]
