"""What the driver's exceptions mean in the words of the port."""

from __future__ import annotations

from cassandra import AuthenticationFailed, RequestValidationException, Unauthorized
from cassandra.cluster import NoHostAvailable

from origin.metadata.base import MetadataDenied, MetadataError, MetadataUnavailable, MetadataUnprepared
from origin.metadata.cassandra_target import Target

_REMEDY = "start them, or correct REELWAY_METADATA_URL"
_MISSING = ("unconfigured table", "does not exist", "undefined column", "unknown identifier")


def as_metadata_error(error: Exception, target: Target) -> MetadataError:
    """Raise the result from `error`."""
    if isinstance(error, NoHostAvailable):
        return _of_hosts(error, target)
    if isinstance(error, AuthenticationFailed):
        return MetadataDenied(f"{target.name} refuses the user {target.user!r}: check user and password in the URL")
    if isinstance(error, Unauthorized):
        return MetadataDenied(f"{target.name}: {error}: grant the user what it needs")
    if isinstance(error, RequestValidationException):
        return _of_request(error, target)
    return MetadataUnavailable(f"{target.name} did not answer: {error}; {_REMEDY}")


def _of_hosts(error: NoHostAvailable, target: Target) -> MetadataError:
    # One per node that was tried; the first that says more than "away" decides.
    causes = list(error.errors.values()) if isinstance(error.errors, dict) else []
    for cause in causes:
        if isinstance(cause, AuthenticationFailed | Unauthorized | RequestValidationException):
            return as_metadata_error(cause, target)
    return MetadataUnavailable(f"no node of {target.name} answers: {', '.join(map(str, causes)) or error}; {_REMEDY}")


def _of_request(error: RequestValidationException, target: Target) -> MetadataError:
    text = str(error)
    if any(sign in text.lower() for sign in _MISSING):
        return MetadataUnprepared(f"{target.name} is not prepared ({text}): run `reelway migrate`")
    return MetadataError(f"{target.name} refused a statement: {text}")
