"""Whom a webhook may reach. Rules file.

A URL comes from a stranger and is asked from inside: what it names must be neither this network nor this machine
(OWASP, "Server-Side Request Forgery Prevention"). A name is judged by the addresses that it resolves to when it is
asked, and one of those is connected to, so another answer of the DNS a moment later reaches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_URL_CHARACTERS = 2048
_TEXT = re.compile(r"[!#-;=?-\[\]_a-z~]+", re.IGNORECASE)
"""What RFC 3986 lets a URL hold; neither blanks nor a backslash, which browsers and parsers read differently."""
_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that makes old resolvers read a host as an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1."""
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("168.63.129.16/32"))
"""What the standard library calls global, or some versions of it do: protocol assignments (RFC 6890), where Oracle has
its metadata, and Azure's metadata."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What an operator opens beyond public addresses."""

    networks: tuple[Network, ...] = ()
    loopback: bool = False
    """For development: this machine may be reached, and in plain HTTP."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL. `host` is lower-case ASCII, an IPv6 address without brackets; `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str


class BadTarget(ValueError):
    """A URL or an address that no webhook is sent to; says why."""


REACH_ALLOWED = "networks such as 10.20.0.0/16, and `loopback`, with commas between; nothing for public addresses alone"


def parse_reach(text: str) -> Reach:
    """Of an operator's setting. Raises ValueError with what is allowed."""
    words = [word.strip() for word in text.split(",")] if text else []
    try:
        networks = tuple(ip_network(word) for word in words if word != "loopback")
    except ValueError as error:
        raise ValueError(REACH_ALLOWED) from error
    return Reach(networks, "loopback" in words)


def parse_target(text: str, reach: Reach) -> Target:
    """Check the form of a URL, and its host where that is an address. Raises BadTarget."""
    if len(text) > MOST_URL_CHARACTERS or not _TEXT.fullmatch(text):
        raise BadTarget(
            f"a URL has at most {MOST_URL_CHARACTERS} ASCII characters; write an international name as xn--"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadTarget("this is no URL") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and reach.loopback):
        raise BadTarget("the URL must begin with https://")
    if "@" in parts.netloc or "#" in text:
        raise BadTarget("the URL must have neither a user nor a fragment")
    host = _host(parts)
    port = (443 if parts.scheme == "https" else 80) if port is None else port
    if (port not in {80, 443} and port < 1024) or (port == 80 and parts.scheme == "https"):
        raise BadTarget("the port must be 443, or 1024 or more")
    target = Target(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    address = _address(host)
    if address is not None:
        choose(target, [address], reach)
    return target


def choose(target: Target, found: Sequence[Address], reach: Reach) -> Sequence[Address]:
    """The addresses that may be connected to: all that the host resolves to, else BadTarget is raised. A name that
    mixes public and private ones is no mistake of a receiver."""
    if not found:
        raise BadTarget("the host has no address")
    for address in found:
        if not _admitted(_inner(address), reach, plain=target.scheme == "http"):
            # Not which: what a name is inside is nobody's business outside.
            raise BadTarget("the host has an address that is not public")
    return found


def _admitted(address: Address, reach: Reach, *, plain: bool) -> bool:
    if address.is_loopback and reach.loopback:
        return True
    if plain:
        return False
    if any(address in network for network in reach.networks):
        return True
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    special = address.is_multicast or address.is_reserved or any(address in network for network in _SPECIAL)
    return address.is_global and not special


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, where it is such a one (RFC 4291, 3056 and 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if parts.netloc.startswith("["):
        if _address(host) is None or "%" in host:
            raise BadTarget("the URL's host is no IPv6 address")
        return host
    if not _NAME.fullmatch(host):
        raise BadTarget("the URL must name a host, without a dot at its end")
    if _NUMBER.fullmatch(host.rpartition(".")[2]) and _address(host) is None:
        raise BadTarget("the URL's host is a number; write an IPv4 address as four decimal ones")
    return host


def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
