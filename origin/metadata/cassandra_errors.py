"""What the driver's exceptions mean in the words of the port."""

from __future__ import annotations

import re

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    OperationTimedOut,
    RequestValidationException,
    Timeout,
    Unauthorized,
    Unavailable,
    UnresolvableContactPoints,
)
from cassandra.cluster import NoHostAvailable

from origin.causes import in_words
from origin.metadata.base import MetadataDenied, MetadataError, MetadataUnavailable, MetadataUnprepared
from origin.metadata.cassandra_target import Target

_REMEDY = "start its nodes, or correct REELWAY_METADATA_URL"
_LOGIN = "see the user and the password in REELWAY_METADATA_URL"
_MISSING = ("unconfigured table", "does not exist", "undefined column", "unknown identifier")
_MESSAGE = re.compile(r'message="(.*?)"(?: info=|$)', re.DOTALL)
"""In the text of an error that a node sent."""


def as_metadata_error(error: Exception, target: Target) -> MetadataError:
    """Raise the result from `error`."""
    if isinstance(error, NoHostAvailable):
        return _of_hosts(error, target)
    if isinstance(error, AuthenticationFailed):
        if not target.user:
            return MetadataDenied(f"{target.name} asks for a user and a password: give them in REELWAY_METADATA_URL")
        return MetadataDenied(f"{target.name} refuses the user {target.user!r}: {_LOGIN}")
    if isinstance(error, Unauthorized):
        return MetadataDenied(f"{target.name}: {_said(error)}: grant the user what it needs; {_LOGIN}")
    if isinstance(error, RequestValidationException):
        return _of_request(error, target)
    if isinstance(error, UnresolvableContactPoints):
        return MetadataUnavailable(f"no host of {target.name} has an address; {_REMEDY}")
    return MetadataUnavailable(f"{target.name} did not answer: {_why(error)}; {_REMEDY}")


def _of_hosts(error: NoHostAvailable, target: Target) -> MetadataError:
    # One per node that was tried; the first that says more than "away" decides.
    causes = list(error.errors.values()) if isinstance(error.errors, dict) else []
    for cause in causes:
        if isinstance(cause, AuthenticationFailed | Unauthorized | RequestValidationException):
            return as_metadata_error(cause, target)
    why = ", ".join(dict.fromkeys(_why(cause) for cause in causes)) or "none is known to be up"
    return MetadataUnavailable(f"no node of {target.name} answers: {why}; {_REMEDY}")


def _of_request(error: RequestValidationException, target: Target) -> MetadataError:
    text = _said(error)
    if any(sign in text.lower() for sign in _MISSING):
        return MetadataUnprepared(f"{target.name} is not prepared ({text}): run `reelway migrate`")
    return MetadataError(f"{target.name} refused a statement: {text}")


def _why(error: Exception) -> str:
    match error:
        case OperationTimedOut():
            return "no answer in time"
        case Unavailable():
            level = ConsistencyLevel.value_to_name[error.consistency]
            return f"{error.alive_replicas} of the {error.required_replicas} copies that {level} needs are up"
        case Timeout():
            level = ConsistencyLevel.value_to_name[error.consistency]
            return f"{error.received_responses} of the {error.required_responses} copies that {level} needs answered"
        case OSError():
            return in_words(error).rpartition("Last error: ")[2].lower()
    return _said(error)


def _said(error: Exception) -> str:
    told = _MESSAGE.search(str(error))
    return told[1] if told else in_words(error)
