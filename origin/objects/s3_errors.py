"""Whose fault an error of S3 is, and whether a retry helps. Rules file.

Codes: the S3 API reference's list of error responses; those of versitygw and MinIO where they have their own.
"""

from __future__ import annotations

from origin.objects.base import (
    InvalidKey,
    NoSuchObject,
    ObjectStoreError,
    StoreDenied,
    StoreFull,
    StoreUnavailable,
    StoreUnprepared,
)


class NotAsExpected(ObjectStoreError):
    """An If-Match or If-None-Match did not hold. Stays within the backend."""


class BeyondTheEnd(ObjectStoreError):
    """A range begins behind the last byte. Stays within the backend."""


class CannotGoOn(StoreUnavailable):
    """What a reader began with is gone or damaged: only a new reader can help."""


class NotOffered(ObjectStoreError):
    """The server lacks a feature of S3. Stays within the backend."""


class NotUnderstood(ObjectStoreError):
    """The server takes a document or an argument for ill-formed. Stays within the backend where it may be expected."""


class NotConfigured(ObjectStoreError):
    """The bucket has no configuration of that kind. Stays within the backend."""


class AlreadyOurs(ObjectStoreError):
    """Somebody with our account made the bucket meanwhile. Stays within the backend."""


_MISSING = frozenset({"NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound", "404"})
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccountProblem",
        "AllAccessDisabled",
        "BucketAlreadyExists",
        "ExpiredToken",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "XAdminUserNotFound",
        "401",
        "403",
    }
)
_REGION = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "InvalidLocationConstraint",
        "PermanentRedirect",
    }
)
_FULL = frozenset({"InsufficientCapacity", "QuotaExceeded", "XMinioStorageFull", "507"})
_BAD_KEY = frozenset(
    {
        "ExistingObjectIsDirectory",
        "InvalidObjectName",
        "KeyTooLongError",
        "ObjectParentIsFile",
        "XMinioInvalidObjectName",
        "XMinioParentIsObject",
    }
)
_NOT_OFFERED = frozenset(
    {"NotImplemented", "XMinioAdminRemoteArnInvalid", "XMinioAdminRemoteTargetNotFoundError", "501"}
)
_NOT_CONFIGURED = frozenset(
    {"NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration", "ReplicationConfigurationNotFoundError"}
)
_DAMAGED = frozenset(
    {"BadDigest", "IncompleteBody", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"}
)

_PASSING = frozenset({"ConditionalRequestConflict", "InvalidPart", "OperationAborted", "RequestTimeout", "SlowDown"})
"""Another request interfered, or the server wants fewer."""


def fault(code: str, status: int, message: str, doing: str, where: str) -> ObjectStoreError:
    """The port's error for an error answer; `where` names bucket and endpoint."""
    detail = f"{code}: {message}" if message else code
    match code:
        case "NoSuchBucket":
            return StoreUnprepared(f"{where}: there is no such bucket; `reelway migrate` makes it")
        case "RequestTimeTooSkewed" | "RequestExpired":
            return StoreDenied(
                f"{where} refuses requests of this time: the clock of this machine and the server's differ by more "
                f"than 15 minutes; set them right ({detail})"
            )
        case "PreconditionFailed" | "412":
            return NotAsExpected(f"{where}: {doing}: {detail}")
        case "InvalidRange" | "416":
            return BeyondTheEnd(f"{where}: {doing}: {detail}")
    for codes, kind, remedy in (
        (_MISSING, NoSuchObject, "it is not there"),
        (_DENIED, StoreDenied, "the credentials are refused or may not do this; see key, secret and policy"),
        (_REGION, StoreDenied, "the server is of another region; see region= in the URL"),
        (_FULL, StoreFull, "there is no room"),
        (_BAD_KEY, InvalidKey, "the key cannot be stored: too long, or a folder of another key"),
        (_NOT_OFFERED, NotOffered, "the server does not offer this"),
        ({"InvalidArgument", "MalformedXML"}, NotUnderstood, "the server does not understand it"),
        (_NOT_CONFIGURED, NotConfigured, "the bucket has none"),
        ({"BucketAlreadyOwnedByYou"}, AlreadyOurs, "the bucket is there"),
        (_DAMAGED, StoreUnavailable, "the bytes were damaged on their way"),
    ):
        if code in codes:
            return kind(f"{where}: {doing}: {remedy} ({detail})")
    if status >= 500 or status == 429 or code in _PASSING:
        return StoreUnavailable(f"{where}: {doing}: the server failed ({detail})")
    return ObjectStoreError(f"{where}: {doing}: refused ({status} {detail})")
