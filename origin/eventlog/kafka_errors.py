"""What aiokafka's exceptions mean in the words of the port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.protocol.admin import SaslHandShakeRequest

from origin.causes import in_words
from origin.eventlog.base import EventLogError, LogDenied, LogUnavailable, LogUnprepared
from origin.eventlog.kafka_address import KafkaAddress
from origin.eventlog.kafka_connection import MECHANISM, connection

MIGRATE = "`reelway migrate` makes what is missing"
_REMEDY = "start its brokers, or correct REELWAY_EVENTS_URL"
PROBE_MS = 3_000
_DENIED = (
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
)


@contextlib.contextmanager
def log_errors(address: KafkaAddress) -> Iterator[None]:
    """Turn what aiokafka raises into the port's errors."""
    try:
        yield
    except _DENIED as error:
        raise denied(address, error) from error
    except errors.MessageSizeTooLargeError as error:
        raise EventLogError(f"{address.shown} does not take a record so large: {said(error)}") from error
    except errors.UnknownTopicOrPartitionError as error:
        raise LogUnprepared(f"{address.shown} has no such topic: {MIGRATE}") from error
    except TimeoutError as error:
        raise LogUnavailable(f"{address.shown} did not answer in time; {_REMEDY}") from error
    except errors.KafkaConnectionError as error:
        raise LogUnavailable(f"no broker of {address.shown} can be used; {_REMEDY}") from error
    except (errors.KafkaError, errors.ConsumerStoppedError, OSError) as error:
        raise LogUnavailable(f"{address.shown} cannot be used: {said(error)}; {_REMEDY}") from error


def said(error: BaseException) -> str:
    """An error of aiokafka or of the system without the names of Python's classes."""
    if isinstance(error, errors.ConsumerStoppedError):
        return "this consumer has left"
    if not isinstance(error, errors.KafkaError):
        return in_words(error)
    told = [each for each in error.args if isinstance(each, str)]
    return " ".join(told or [str(getattr(error, "description", "") or type(error).__name__)])


def denied(address: KafkaAddress, error: Exception) -> LogDenied:
    """The error of refused credentials or rights."""
    if isinstance(error, errors.IllegalSaslStateError):
        return LogDenied(f"{address.shown} asks for no user and password: leave them out of REELWAY_EVENTS_URL")
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return LogDenied(
            f"{address.shown} does not offer {MECHANISM}, the one way to log in that Reelway has: offer it"
        )
    return LogDenied(
        f"{address.shown} refused {address.user or 'a client without credentials'}: {said(error)}; "
        "see the user and the password in REELWAY_EVENTS_URL, and the user's rights"
    )


async def explained(address: KafkaAddress, error: Exception) -> Exception:
    """`error`, or one that says more: aiokafka says only that no broker could be used. Raise the result."""
    faults = await asyncio.gather(*(_fault(address, broker) for broker in address.brokers))
    for fault in faults:
        if isinstance(fault, LogDenied):
            return fault
    if None in faults:
        return error
    why = ", ".join(dict.fromkeys(map(str, faults)))
    return LogUnavailable(f"no broker of {address.shown} can be used: {why}; {_REMEDY}")


async def _fault(address: KafkaAddress, broker: str) -> LogDenied | str | None:
    """Why one broker cannot be used; None when it can."""
    host, _, port = broker.rpartition(":")
    try:
        probe = await create_conn(host.strip("[]"), int(port), request_timeout_ms=PROBE_MS, **connection(address))
        try:
            return None if address.user else await _login_wanted(address, probe)
        finally:
            probe.close()
    except _DENIED as error:
        return denied(address, error)
    except (errors.KafkaConnectionError, ConnectionResetError, ConnectionAbortedError):
        other = "tls=0" if address.tls else "tls=1"
        return f"it closes every connection, as one that wants {other} would"
    except (errors.KafkaError, OSError, TimeoutError) as error:
        return said(error)


async def _login_wanted(address: KafkaAddress, connected: AIOKafkaConnection) -> LogDenied | None:
    """Brokers that want a login close the connection of a client without one and say nothing; but those that want none
    refuse to begin one."""
    answer = await connected.send(SaslHandShakeRequest(MECHANISM))
    if errors.for_code(answer.error_code) is errors.IllegalSaslStateError:
        return None
    return LogDenied(f"{address.shown} asks for a user and a password: give them in REELWAY_EVENTS_URL")
