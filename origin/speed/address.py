"""The speed layer's URL, taken apart. Rules file.

    unix:///path[?db=N]                               redis://[user:password@]host[:port][/db], rediss://… (TLS)
    redis+cluster://[user:password@]h1[:port],h2,…    redis+sentinel://[user:password@]h1[:port],h2,…/SERVICE[/db]

Every form takes `?wait_replicas=N`; `rediss://` takes `?ca_file=PATH`. The hosts of a cluster are those first asked for
its topology; those of Sentinel are the Sentinels, which are asked without the credentials: those are the servers'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

PORT = 6379
SENTINEL_PORT = 26379
ALLOWED = (
    "memory:, unix:///path, redis://[user:password@]host[:port][/db], rediss://…, redis+cluster://h1[:port],h2,… and "
    "redis+sentinel://h1[:port],h2,…/SERVICE[/db], the servers' with ?wait_replicas=N"
)


class Kind(StrEnum):
    SINGLE = "single"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_KINDS = {
    "unix": Kind.SINGLE,
    "redis": Kind.SINGLE,
    "rediss": Kind.SINGLE,
    "redis+sentinel": Kind.SENTINEL,
    "redis+cluster": Kind.CLUSTER,
}
SCHEMES = frozenset(_KINDS)


@dataclass(frozen=True, slots=True)
class SpeedAddress:
    kind: Kind
    shown: str
    """The URL without its password."""
    hosts: tuple[tuple[str, int], ...] = ()
    """None with a socket; the Sentinels; or the first nodes of a cluster."""
    socket: str = ""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0
    service: str = ""
    """As the Sentinels call the primary and its replicas."""
    tls: bool = False
    ca_file: str | None = None
    """PEM file with the authorities to trust; None: the system's."""
    wait_replicas: int = 0
    """How many replicas must have a batch of counts before it is written. By default 1 with Sentinel and Cluster, which
    fail over to a replica, and 0 for a single server, which has nothing to fail over to."""


def parse_address(url: str) -> SpeedAddress:
    """Raises ValueError, with what is allowed and without the password."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise _refusal(f"the scheme {parts.scheme!r} is none of a speed layer")
    kind = _KINDS[parts.scheme]
    userinfo, _, netloc = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    service, database = _path(parts, kind)
    options = _options(parts, "ca_file" if parts.scheme == "rediss" else "db" if parts.scheme == "unix" else None)
    return SpeedAddress(
        kind=kind,
        shown=url.replace(f"{userinfo}@", f"{username}:***@", 1) if userinfo else url,
        hosts=() if parts.scheme == "unix" else _hosts(netloc, kind),
        socket=_socket(parts) if parts.scheme == "unix" else "",
        username=unquote(username) or None,
        password=unquote(password) or None,
        database=_number("db", options["db"]) if "db" in options else database,
        service=service,
        tls=parts.scheme == "rediss",
        ca_file=options.get("ca_file"),
        wait_replicas=_number("wait_replicas", options.get("wait_replicas", "0" if kind is Kind.SINGLE else "1")),
    )


def _hosts(netloc: str, kind: Kind) -> tuple[tuple[str, int], ...]:
    hosts = tuple(_host(each, SENTINEL_PORT if kind is Kind.SENTINEL else PORT) for each in netloc.split(","))
    if kind is Kind.SINGLE and len(hosts) != 1:
        raise _refusal("several hosts need redis+cluster:// or redis+sentinel://")
    return hosts


def _host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError as error:
        raise _refusal(f"{text!r} is no host[:port]") from error
    if not parts.hostname:
        raise _refusal("a host is missing")
    return parts.hostname, default_port if port is None else port


def _path(parts: SplitResult, kind: Kind) -> tuple[str, int]:
    """The service and the database."""
    if parts.scheme == "unix":
        return "", 0
    names = [unquote(name) for name in parts.path.strip("/").split("/")] if parts.path.strip("/") else []
    service = ""
    if kind is Kind.SENTINEL:
        if not names:
            raise _refusal("redis+sentinel:// needs the service that the Sentinels watch")
        service = names.pop(0)
    if len(names) > (0 if kind is Kind.CLUSTER else 1):
        raise _refusal(f"the path {parts.path!r} has a part too many")
    return service, _number("database", names[0]) if names else 0


def _socket(parts: SplitResult) -> str:
    if not parts.path:
        raise _refusal("unix:// needs the path of a socket")
    return unquote(parts.path)


def _options(parts: SplitResult, also: str | None) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - {"wait_replicas", also}):
        raise _refusal(f"the option {unknown[0]!r} is not known here")
    return options


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and text == str(int(text))):
        raise _refusal(f"{name} must be a plain number such as 0, not {text!r}")
    return int(text)


def _refusal(reason: str) -> ValueError:
    return ValueError(f"not the URL of a speed layer: {reason}; allowed are {ALLOWED}")
