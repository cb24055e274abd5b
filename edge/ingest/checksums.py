"""What a body must be: checksums that came before it, and those that come behind it as trailers. Rules file.

tus: `Upload-Checksum`, in the head or in the trailer section. RFC 9530: `Content-Digest`, in either; both protocols.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edge.ingest import wire
from edge.ingest.wire import BadField, Checksum

UPLOAD_CHECKSUM, CONTENT_DIGEST = "upload-checksum", "content-digest"
_PARSERS: Mapping[str, Callable[[str], Checksum | None]] = {
    UPLOAD_CHECKSUM: wire.upload_checksum,
    CONTENT_DIGEST: wire.content_digest,
}


@dataclass(frozen=True, slots=True)
class Checks:
    said: tuple[Checksum, ...] = ()
    trailing: tuple[str, ...] = ()
    """Lower-case names of the fields that the client promised behind the body."""

    def __bool__(self) -> bool:
        return bool(self.said or self.trailing)

    def all(self, trailers: Mapping[str, str]) -> tuple[Checksum, ...]:
        """With those of the trailer section. Raises BadField for one that was promised and is not there."""
        for name in self.trailing:
            if name not in trailers:
                raise BadField(name, "it was announced as a trailer and did not come")
        return (*self.said, *_parsed(self.trailing, trailers))


def of_head(headers: Mapping[str, str], names: tuple[str, ...]) -> Checks:
    """The checks that a request's head asks for. Raises BadField."""
    promised = {name.strip().lower() for name in headers.get("trailer", "").split(",")}
    return Checks(_parsed(names, headers), tuple(name for name in names if name in promised))


def of_whole(headers: Mapping[str, str]) -> str:
    """The digest of the whole upload as `UploadTerms.digest` has it, from `Repr-Digest`. Raises BadField."""
    sent = headers.get("repr-digest")
    found = wire.repr_digest(sent) if sent is not None else None
    return f"{found.algorithm} {base64.b64encode(found.digest).decode()}" if found else ""


def _parsed(names: tuple[str, ...], fields: Mapping[str, str]) -> tuple[Checksum, ...]:
    found = (_PARSERS[name](fields[name]) for name in names if name in fields)
    return tuple(checksum for checksum in found if checksum is not None)
