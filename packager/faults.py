"""Whose fault is it, and does another try help? The one place that maps exceptions to a job's fate."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace

from origin.eventlog.base import EventLogError, LogFull
from origin.metadata.base import MetadataError, MetadataFull
from origin.objects.base import InvalidKey, NoSuchObject, ObjectStoreError, StoreFull
from packager.moderation.base import ModerationError
from packager.process import ProcessError, ProcessTimedOut


class DiskFull(Exception):
    """The work folder's disk has too little room to begin a job. Helps once an operator made some."""


DETAIL_CHARS = 4000


@dataclass(frozen=True, slots=True)
class Fault:
    code: str
    detail: str
    """For the operator: goes to the retry and dead-letter topics, never to a creator."""
    final: bool
    """True when another try cannot help."""
    waits: bool = False
    """True when the job did nothing wrong and waiting cures it: room or a store is missing. Uses up no attempt."""


def classify(error: Exception, folder: str = "") -> Fault:
    """Never raises; what is not known is taken for a passing fault, because a dead letter can be replayed.

    `folder` is the job's own, absolute: paths in the detail are relative to it, since it means nothing to who reads
    the letter on another machine.
    """
    fault = _fault(error)
    return replace(fault, detail=fault.detail.replace(f"{folder}/", "")) if folder else fault


def _fault(error: Exception) -> Fault:
    match error:
        case ExceptionGroup():
            return _fault(error.exceptions[0])
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
    """What happened, then the last lines of the child's stderr, whole ones, as many as there is room for."""
    told = str(error)[:DETAIL_CHARS]
    room, kept = DETAIL_CHARS - len(told), 0
    for line in reversed(error.stderr_tail):
        room -= len(line) + 1
        if room < 0:
            break
        kept += 1
    return "\n".join([told, *error.stderr_tail[len(error.stderr_tail) - kept :]])
