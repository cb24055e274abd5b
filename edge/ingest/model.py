"""The words in which the upload protocols are judged: requests, states and decisions. Rules file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge.gateway.problems import Problem
from edge.ingest.checksums import Checks
from origin.model import ORDINARY, UploadTerms

Fields = tuple[tuple[str, str], ...]
PREFIX = "/v1/uploads"
MOST_PARTS = 10_000
"""Of one upload; S3's own bound."""


class Protocol(StrEnum):
    TUS = "tus"
    RUFH = "rufh"
    """Resumable Uploads for HTTP, the IETF draft."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Which protocol a request speaks. `interop` is the draft's version; None for tus, for the final form and for
    versions later than ours, which get no interim answers."""

    protocol: Protocol
    interop: int | None = None


@dataclass(frozen=True, slots=True)
class UploadRequest:
    method: str
    headers: Mapping[str, str]
    """By lower-case name; fields sent several times are joined by a comma."""
    content_length: int | None
    """None: the length of the body is not known beforehand."""

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


@dataclass(frozen=True, slots=True)
class UploadState:
    """An upload as the stores have it now."""

    upload_id: int
    video_id: int
    offset: int
    """Durable bytes."""
    length: int | None
    metadata: str
    finished: bool
    expires_at_ms: int
    parts: int = 0
    terms: UploadTerms = ORDINARY


@dataclass(frozen=True, slots=True)
class Rules:
    max_bytes: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Create:
    """Begin an upload; then take its first bytes if `takes_body`."""

    speech: Speech
    length: int | None
    metadata: str
    description: str
    takes_body: bool
    completes: bool
    """The body is the rest of the upload (IETF `Upload-Complete: ?1`)."""
    checks: Checks = Checks()
    terms: UploadTerms = ORDINARY


@dataclass(frozen=True, slots=True)
class Append:
    """Store the body from the upload's offset on."""

    speech: Speech
    length: int | None
    """The upload's length as known now; when the upload had none, fix it first."""
    allowance: int
    """Most bytes that the body may have."""
    completes: bool
    checks: Checks = Checks()
    digest: str = ""
    """Of the whole upload, as `UploadTerms.digest` has it."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the upload and forget its bytes."""

    speech: Speech


@dataclass(frozen=True, slots=True)
class Report:
    """Answer at once, with nothing changed."""

    status: int
    fields: Fields
    body: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse, with nothing changed."""

    problem: Problem
    fields: Fields = ()


Accept = Create | Append | Cancel
Decision = Accept | Report | Reject


def location(upload_id: int) -> str:
    return f"{PREFIX}/{upload_id}"
