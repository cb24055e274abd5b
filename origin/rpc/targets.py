"""Where servers listen and are found: `host:port` as gRPC wants it. Rules file."""

from __future__ import annotations

import re
from ipaddress import ip_address

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>\d{1,5})")
_PORT_MOST = 65_535


class BadTarget(ValueError):
    """Not a target or bind; the text says what is allowed."""


def parse_bind(bind: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises BadTarget."""
    match = _ADDRESS.fullmatch(bind)
    if match is None or int(match["port"]) > _PORT_MOST:
        raise BadTarget(f"{bind!r} is not an address: write host:port, or [IPv6 address]:port")
    return match["six"] or match["host"], int(match["port"])


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_target(target: str) -> str:
    """gRPC's name for `host:port`, for `dns:///name:port` (every address of the name is used), or for several
    `address:port,address:port`. Raises BadTarget."""
    if target.startswith("dns:///"):
        parse_bind(target.removeprefix("dns:///"))
        return target
    places = [parse_bind(each.strip()) for each in target.split(",")]
    if len(places) == 1:
        return f"dns:///{_joined(*places[0])}"
    addresses = [("127.0.0.1" if host == "localhost" else host, port) for host, port in places]
    versions = {_version(host, target) for host, _ in addresses}
    if len(versions) > 1:
        raise BadTarget(f"{target!r} mixes IPv4 and IPv6 addresses: give those of one kind")
    return f"ipv{versions.pop()}:" + ",".join(_joined(host, port) for host, port in addresses)


def _version(host: str, target: str) -> int:
    try:
        return ip_address(host).version
    except ValueError:
        raise BadTarget(
            f"{target!r} gives several names: give IP addresses, or one name with several addresses as dns:///name:port"
        ) from None


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
