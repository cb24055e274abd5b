"""The problems of both upload protocols. Rules file."""

from __future__ import annotations

from edge.gateway.problems import Problem
from edge.ingest.wire import BadField
from origin.model import UploadKind

_IANA = "https://iana.org/assignments/http-problem-types"


def bad_field(error: BadField) -> Problem:
    return Problem(400, "bad_header", "A header field is not well formed", f"{error}.", extra={"field": error.name})


def unknown_protocol() -> Problem:
    return Problem(
        400,
        "unknown_upload_protocol",
        "Which upload protocol?",
        "Send Tus-Resumable: 1.0.0 (tus) or Upload-Complete (IETF resumable upload).",
    )


def inconsistent_length(detail: str) -> Problem:
    return Problem(
        400,
        "inconsistent_upload_length",
        "The lengths do not agree",
        detail,
        type=f"{_IANA}#inconsistent-upload-length",
    )


def mismatching_offset(expected: int, provided: int) -> Problem:
    return Problem(
        409,
        "mismatching_upload_offset",
        "The offset is not where the upload stands",
        f"The upload stands at {expected}; the request begins at {provided}.",
        type=f"{_IANA}#mismatching-upload-offset",
        extra={"expected-offset": expected, "provided-offset": provided},
    )


def too_large(most: int) -> Problem:
    return Problem(413, "upload_too_large", "The upload is too large", f"At most {most} bytes are taken.")


def not_appendable(kind: UploadKind) -> Problem:
    """403, as tus says of final uploads."""
    if kind is UploadKind.DIRECT:
        return Problem(403, "direct_upload", "This upload goes to the object store", "Send its parts there.")
    return Problem(403, "final_upload", "A final upload takes no bytes", "It is made of its partial uploads.")


def media_type(expected: str) -> Problem:
    headers = (("Accept-Patch", expected),)
    return Problem(
        415, "unsupported_media_type", "Unsupported media type", f"Send Content-Type: {expected}.", headers=headers
    )


NOT_A_VIDEO = Problem(
    415,
    "not_a_video",
    "This is not a video that can be taken",
    "The file must be an MP4 or QuickTime clip: it does not begin with an ftyp box. Nothing of it was kept.",
)
EMPTY = Problem(400, "empty_upload", "The upload is empty", "A clip has at least one byte.")
GONE = Problem(410, "upload_expired", "The upload has expired", "Begin a new upload.")
UNKNOWN = Problem(404, "not_found", "No such upload", "It never was, or it was ended. Begin a new upload.")
NOT_DIRECT = Problem(
    409,
    "not_a_direct_upload",
    "This upload does not go to the object store",
    "It was begun at /v1/uploads: send its bytes there; with the last one it is complete.",
)
FOREIGN = Problem(403, "not_your_upload", "This is someone else's upload", "Only who began an upload may use it.")
INTERRUPTED = Problem(
    423, "interrupted", "Another request took over", "A newer request for this upload is being answered."
)
LOCKED = Problem(
    423,
    "upload_locked",
    "The upload is in use",
    "An older request for this upload did not give way in time; try again.",
    headers=(("Retry-After", "1"),),
)
LOCKS_AWAY = Problem(
    503,
    "upload_locks_unavailable",
    "Uploads are not taken now",
    "What was acknowledged is kept; go on from the offset.",
    headers=(("Retry-After", "1"),),
)
TOO_SLOW = Problem(408, "too_slow", "The body stopped arriving", "What had arrived is kept; go on from the offset.")
CHECKSUM_MISMATCH = Problem(
    460, "checksum_mismatch", "Checksum Mismatch", "The body does not have the checksum sent; nothing of it was kept."
)
DIGEST_MISMATCH = Problem(
    400,
    "digest_mismatch",
    "The digest is not that of the content",
    "What arrived is not what Content-Digest says; nothing of it was kept.",
    headers=(("Want-Content-Digest", "sha-256=10, sha-512=3"),),
)
OVERRUN_TUS = Problem(
    413, "more_than_announced", "More bytes than announced", "The body goes past Upload-Length. The upload is void."
)
OVERRUN_RUFH = inconsistent_length("The body goes past the upload's length. The upload is void.")
TOO_MANY_PARTS = Problem(
    400, "too_many_parts", "Too many small pieces", "The upload came in too many pieces. Begin anew with larger ones."
)
TOO_MANY_BYTES = Problem(
    429,
    "too_many_unfinished_bytes",
    "Too many unfinished bytes",
    "Your unfinished uploads may become too large together. Finish or delete one of them first.",
    headers=(("Retry-After", "60"),),
)
TOO_MANY_UPLOADS = Problem(
    429,
    "too_many_uploads",
    "Too many unfinished uploads",
    "Finish or delete one of your unfinished uploads first.",
    headers=(("Retry-After", "60"),),
)


def method_not_allowed(allowed: str) -> Problem:
    headers = (("Allow", allowed),)
    return Problem(405, "method_not_allowed", "Method not allowed", f"This address takes {allowed}.", headers=headers)
