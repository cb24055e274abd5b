"""The forms that a setting's value may have: each parses a text, or raises ValueError with what is allowed.

Rules file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from origin.webhooks.target import parse_reach
from packager.moderation.hook import parse_hook


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen: `host:port`, TCP and UDP alike."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def host_and_port(text: str) -> Bind:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("host:port with a port from 1 to 65535")
    return Bind(host.strip("[]"), int(port))


def any_text(text: str) -> str:
    return text


def a_path(text: str) -> Path:
    if not text:
        raise ValueError("a path")
    return Path(text)


def a_url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not text.startswith(schemes):
            raise ValueError(" or ".join(f"{scheme}…" for scheme in schemes))
        return text.rstrip("/") if text.startswith("http") else text

    return parse


def one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(" or ".join(allowed))
        return text

    return parse


def moderation(text: str) -> str:
    if text not in {"local", "rekognition"}:
        parse_hook(text)
    return text


def webhook_reach(text: str) -> str:
    parse_reach(text)
    return text


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return parse


def targets(text: str) -> str:
    addresses = [text.removeprefix("dns:///")] if text.startswith("dns:///") else text.split(",")
    try:
        for address in addresses:
            host_and_port(address)
    except ValueError as error:
        raise ValueError("host:port, several of them with commas between, or dns:///name:port") from error
    return text


def optional_path(text: str) -> Path | None:
    return Path(text) if text else None


def issuer(text: str) -> str:
    if text != "local" and not text.startswith("https://"):
        raise ValueError("local, or the https:// address of an OIDC issuer")
    return text
