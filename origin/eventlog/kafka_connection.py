"""How every Kafka client of ours connects, and what it may log."""

from __future__ import annotations

import logging
import ssl
from typing import Any

from origin.causes import in_words
from origin.eventlog.base import LogDenied
from origin.eventlog.kafka_address import KafkaAddress

MECHANISM = "PLAIN"
"""Of logging in, by SASL (RFC 4616)."""
SAY_AGAIN_S = 30.0
_TALKERS = (
    "aiokafka",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.producer.sender",
)


class _Unexpected(logging.Filter):
    """Lets through what aiokafka did not expect to happen, told by its trace, and each of those once in SAY_AGAIN_S.

    The rest comes many times a second while a broker is away. It reaches us as errors, and what they mean is said once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        message = (record.name, str(record.msg))
        if not record.exc_info or record.created - self._said.get(message, 0) < SAY_AGAIN_S:
            return False
        self._said[message] = record.created
        return True


_UNEXPECTED = _Unexpected()


def quieten() -> None:
    """Keep aiokafka from filling the log while brokers are away; may be called again."""
    for name in _TALKERS:
        logging.getLogger(name).addFilter(_UNEXPECTED)


def connection(address: KafkaAddress) -> dict[str, Any]:
    """The arguments that say how to speak to a broker and who we are. Raises LogDenied for a `ca` that is of no use."""
    protocol = ("SASL_" if address.user else "") + ("SSL" if address.tls else "PLAINTEXT")
    arguments: dict[str, Any] = {"security_protocol": protocol if address.user or address.tls else "PLAINTEXT"}
    if address.tls:
        arguments["ssl_context"] = _trust(address)
    if address.user:
        arguments |= {
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": address.user,
            "sasl_plain_password": address.password,
        }
    return arguments


def client_arguments(address: KafkaAddress) -> dict[str, Any]:
    """The arguments of an aiokafka client. Raises LogDenied, as `connection` does."""
    return {"bootstrap_servers": list(address.brokers), "client_id": "reelway", **connection(address)}


def _trust(address: KafkaAddress) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=address.ca or None)
    except OSError as error:
        raise LogDenied(
            f"{address.shown}: ca={address.ca} in REELWAY_EVENTS_URL holds no certificates to trust: {in_words(error)}"
        ) from error
