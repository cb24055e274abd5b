"""What the errors of redis-py mean in the words of the port."""

from __future__ import annotations

from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from origin.causes import in_words
from origin.speed.address import Kind, SpeedAddress
from origin.speed.base import SpeedDenied, SpeedError, SpeedUnavailable, SpeedUnreplicated

_REMEDY = "start it, or correct REELWAY_REDIS_URL"


class TooFewReplicas(ResponseError):
    """The write is done on the primary, but a failover now could lose it."""


def named(error: Exception, address: SpeedAddress, timeout_s: float) -> SpeedError:
    """Raise the result from `error`; `timeout_s` is what was waited for at most."""
    where = f"the speed layer at {address.shown}"
    match error:
        case AuthenticationError() | AuthorizationError() | NoPermissionError():
            return SpeedDenied(
                f"{where} refused the user name or password, or the user's rights: {error}; see REELWAY_REDIS_URL"
            )
        case TooFewReplicas():
            return SpeedUnreplicated(f"{where}: {error}")
        case MasterNotFoundError():
            return SpeedUnavailable(f"{where} cannot be found: {error}; {_REMEDY}")
        case TimeoutError():
            return SpeedUnavailable(f"{where} did not answer within {timeout_s:g} s; {_REMEDY}")
        case ResponseError():
            return _refusal(error, address, where)
    return SpeedUnavailable(f"{where} did not answer: {in_words(error)}; {_REMEDY}")


def _refusal(error: RedisError, address: SpeedAddress, where: str) -> SpeedError:
    match error:
        case ReadOnlyError():
            return SpeedUnavailable(f"{where} is a replica and takes no writes: give its primary")
        case MovedError() if address.kind is not Kind.CLUSTER:
            return SpeedUnavailable(f"{where} is a node of a cluster: give redis+cluster://…")
        case ClusterDownError():
            return SpeedUnavailable(
                f"the cluster at {address.shown} is down: {error}; start those of its nodes that are down"
            )
    if str(error).startswith("NOREPLICAS"):
        return SpeedUnavailable(f"{where} has fewer replicas than its min-replicas-to-write asks for: start one")
    if str(error).startswith("DB index"):
        return SpeedDenied(f"{where} has no database {address.database}: give one that it has, such as /0")
    return SpeedUnavailable(f"{where} refuses: {error}; {_REMEDY}")
