"""What a `cassandra://` URL names. Rules file.

`cassandra://[user:password@]h1[:port],h2,h3/keyspace?local_dc=dc1[&replication=3][&speculative_ms=50]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

DEFAULT_PORT = 9042
DEFAULT_REPLICATION = 3
_KEYSPACE = re.compile(r"[a-z][a-z0-9_]{0,47}")
_OPTIONS = frozenset({"local_dc", "replication", "speculative_ms"})


@dataclass(frozen=True, slots=True)
class Target:
    hosts: tuple[tuple[str, int], ...]
    keyspace: str
    local_dc: str
    replication: int = DEFAULT_REPLICATION
    """Copies in each data centre; used when the keyspace is made."""
    speculative_ms: int | None = None
    """After how long another node is asked too; None: never."""
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """For messages: the URL without its password and options."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"cassandra://{self.user + '@' if self.user else ''}{hosts}/{self.keyspace}"


def parse_target(url: str) -> Target:
    """Raises ValueError with a sentence that names what is wrong; it never shows the password."""
    scheme, _, rest = url.partition("://")
    if scheme != "cassandra":
        raise ValueError(f"{scheme}: is no Cassandra URL: give cassandra://host,host/keyspace?local_dc=NAME")
    place, _, query = rest.partition("?")
    authority, _, keyspace = place.partition("/")
    credentials, _, hosts = authority.rpartition("@")
    if not _KEYSPACE.fullmatch(keyspace):
        raise ValueError(f"the keyspace {keyspace!r} is not 1–48 lower-case letters, digits and _ after a letter")
    user, _, password = credentials.partition(":")
    options = _options(query)
    return Target(
        hosts=tuple(_host(text) for text in hosts.split(",")),
        keyspace=keyspace,
        local_dc=options["local_dc"],
        replication=_number(options, "replication", DEFAULT_REPLICATION),
        speculative_ms=_number(options, "speculative_ms", 0) or None,
        user=unquote(user),
        password=unquote(password),
    )


def _options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - _OPTIONS:
        raise ValueError(f"unknown option {sorted(unknown)[0]!r} of a Cassandra URL: allowed are {sorted(_OPTIONS)}")
    if not options.get("local_dc"):
        raise ValueError("a Cassandra URL needs ?local_dc=NAME, the data centre that is near")
    return options


def _host(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not separator:
        host, port = text, str(DEFAULT_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not HOST or HOST:PORT")
    return host.strip("[]"), int(port)


def _number(options: dict[str, str], name: str, default: int) -> int:
    text = options.get(name, str(default))
    if not (text.isascii() and text.isdecimal()) or len(text) > 6 or (name == "replication" and int(text) < 1):
        raise ValueError(f"{name}={text!r} of a Cassandra URL is not a number above 0")
    return int(text)
