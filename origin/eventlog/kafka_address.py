"""What a `kafka://` URL says. Rules file."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PORT = 9092
_NUMBERS = ("replication", "partitions", "append_deadline_ms")
_TEXTS = ("topic_prefix", "ca")


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    brokers: tuple[str, ...]
    """`host:port` of those to ask first."""
    user: str = ""
    """For SASL PLAIN; empty for none."""
    password: str = ""
    tls: bool = False
    ca: str = ""
    """File with the certificates to trust; empty for the system's."""
    topic_prefix: str = ""
    """Before the name of every topic and group, for clusters that are shared."""
    replication: int = 3
    """Copies of each record that `reelway migrate` asks for."""
    partitions: int = 12
    """Of each topic that several consumers share."""
    append_deadline_ms: int = 500
    """How long an append waits for its acknowledgement."""

    @property
    def shown(self) -> str:
        """The URL without its password, for messages."""
        user = f"{self.user}@" if self.user else ""
        return f"kafka://{user}{','.join(self.brokers)}"


def parse_kafka_url(url: str) -> KafkaAddress:
    """Parse `kafka://[user:password@]h1[:port],h2…[?option=value&…]`, the options being the fields of KafkaAddress.

    Raises ValueError, naming what is wrong.
    """
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    brokers = tuple(_broker(host) for host in hosts.split(",") if host)
    if not brokers or parts.path not in {"", "/"}:
        raise ValueError("a Kafka event log is kafka://host:port,host:port…")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    numbers = {name: _number(name, options.pop(name)) for name in _NUMBERS if name in options}
    texts = {name: options.pop(name) for name in _TEXTS if name in options}
    tls = options.pop("tls", "0")
    if options or tls not in {"0", "1"}:
        known = ", ".join((*_NUMBERS, *_TEXTS, "tls=0|1"))
        raise ValueError(f"unknown option {', '.join(options) or f'tls={tls}'} of kafka://; there are {known}")
    return KafkaAddress(brokers, unquote(user), unquote(password), tls == "1", **texts, **numbers)  # type: ignore[arg-type]


def _broker(host: str) -> str:
    name, _, port = host.rpartition(":")
    if not name or name.startswith("[") != name.endswith("]"):
        # No port, or the colons of an IPv6 address in brackets.
        return f"{host}:{DEFAULT_PORT}"
    if not port.isdecimal():
        raise ValueError(f"{host} is no host:port of a Kafka broker")
    return host


def _number(name: str, value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ValueError(f"{name} of kafka:// is a number from 1, not {value!r}")
    return int(value)
