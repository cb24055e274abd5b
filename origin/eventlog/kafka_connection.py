"""How every Kafka client of ours connects, and what its errors mean to the port."""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Iterator
from typing import Any

from aiokafka import errors
from aiokafka.conn import create_conn

from origin.eventlog.base import EventLogError, LogDenied, LogUnavailable, LogUnprepared
from origin.eventlog.kafka_address import KafkaAddress

MIGRATE = "`reelway migrate` makes what is missing"
_REMEDY = "start its brokers, or correct REELWAY_EVENTS_URL"
PROBE_MS = 3_000
SAY_AGAIN_S = 30.0
_TALKERS = (
    "aiokafka",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)
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


class _Seldom(logging.Filter):
    """Lets each message through once in SAY_AGAIN_S: clients try again many times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        message = (record.name, str(record.msg))
        if record.created - self._said.get(message, 0) < SAY_AGAIN_S:
            return False
        self._said[message] = record.created
        return True


_SELDOM = _Seldom()


def quieten() -> None:
    """Keep aiokafka from filling the log while brokers are away; may be called again."""
    for name in _TALKERS:
        logging.getLogger(name).addFilter(_SELDOM)


def connection(address: KafkaAddress) -> dict[str, Any]:
    """The arguments that say where the brokers are and who we are."""
    protocol = ("SASL_" if address.user else "") + ("SSL" if address.tls else "PLAINTEXT")
    arguments: dict[str, Any] = {"security_protocol": protocol if address.user or address.tls else "PLAINTEXT"}
    if address.tls:
        arguments["ssl_context"] = ssl.create_default_context(cafile=address.ca or None)
    if address.user:
        arguments |= {
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": address.user,
            "sasl_plain_password": address.password,
        }
    return arguments


def client_arguments(address: KafkaAddress) -> dict[str, Any]:
    """The arguments of an aiokafka client."""
    return {"bootstrap_servers": list(address.brokers), "client_id": "reelway", **connection(address)}


@contextlib.contextmanager
def log_errors(address: KafkaAddress) -> Iterator[None]:
    """Turn what aiokafka raises into the port's errors."""
    try:
        yield
    except _DENIED as error:
        raise denied(address, error) from error
    except errors.MessageSizeTooLargeError as error:
        raise EventLogError(f"{address.shown} does not take a record so large: {error}") from error
    except errors.UnknownTopicOrPartitionError as error:
        raise LogUnprepared(f"{address.shown} has no such topic: {MIGRATE}") from error
    except TimeoutError as error:
        raise LogUnavailable(f"{address.shown} did not answer in time; {_REMEDY}") from error
    except errors.KafkaConnectionError as error:
        asks = "" if address.user else "; if it asks for a user and a password, give them there"
        raise LogUnavailable(f"no broker of {address.shown} can be used; {_REMEDY}{asks}") from error
    except (errors.KafkaError, OSError) as error:
        raise LogUnavailable(f"{address.shown}: {type(error).__name__}: {error}; {_REMEDY}") from error


def denied(address: KafkaAddress, error: Exception) -> LogDenied:
    """The error of refused credentials or rights."""
    if isinstance(error, errors.IllegalSaslStateError):
        return LogDenied(f"{address.shown} asks for no user and password: leave them out of REELWAY_EVENTS_URL")
    return LogDenied(
        f"{address.shown} refused {address.user or 'a client without credentials'}: {error}; "
        "see the user and the password in REELWAY_EVENTS_URL, and the user's rights"
    )


async def raise_denied(address: KafkaAddress) -> None:
    """Raise LogDenied when it is the credentials that a broker refuses.

    aiokafka says only that no broker could be used.
    """
    host, _, port = address.brokers[0].rpartition(":")
    if not address.user:
        return
    try:
        probe = await create_conn(host, int(port), request_timeout_ms=PROBE_MS, **connection(address))
    except _DENIED as error:
        raise denied(address, error) from error
    except (errors.KafkaError, OSError, TimeoutError):
        return
    probe.close()
