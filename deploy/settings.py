"""Every setting of a Reelway process, typed, and the only place that reads the environment.

A setting named `x_y` is read from `REELWAY_X_Y`, else from the key `x_y` of `reelway.toml` in the working folder,
else it has the default written here. A name that is not listed, or a value that does not parse, stops the
start with the name, the value refused and what is allowed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "REELWAY_"
FILE_NAME = "reelway.toml"


class BadSetting(Exception):
    """A setting that stops the start. Its text is meant for the operator."""


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen: `host:port`, TCP and UDP alike."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _bind(text: str) -> Bind:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("host:port with a port from 1 to 65535")
    return Bind(host.strip("[]"), int(port))


def _text(text: str) -> str:
    return text


def _path(text: str) -> Path:
    if not text:
        raise ValueError("a path")
    return Path(text)


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not text.startswith(schemes):
            raise ValueError(" or ".join(f"{scheme}…" for scheme in schemes))
        return text.rstrip("/") if text.startswith("http") else text

    return parse


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(" or ".join(allowed))
        return text

    return parse


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return parse


def _issuer(text: str) -> str:
    if text != "local" and not text.startswith("https://"):
        raise ValueError("local, or the https:// address of an OIDC issuer")
    return text


Derived = Callable[[Mapping[str, Any]], str]


def _setting(default: str | Derived, parse: Callable[[str], Any]) -> Any:
    """A field whose default is a text, or follows from the settings written above it."""
    return field(metadata={"parse": parse, "default": default})


@dataclass(frozen=True, slots=True)
class Settings:
    """One process's settings; `load` makes it."""

    data: Path = _setting("./var", _path)
    """Folder of all embedded state."""
    metadata_url: str = _setting(lambda s: f"sqlite://{s['data']}/metadata.db", _url("sqlite:///"))
    """Metadata store; default: `metadata.db` in the data folder."""
    objects_url: str = _setting(lambda s: f"file://{s['data']}/objects", _url("file:///"))
    """Object store; default: `objects` in the data folder."""
    events_url: str = _setting(lambda s: f"sqlite://{s['data']}/events.db", _url("sqlite:///"))
    """Event log; default: `events.db` in the data folder."""
    redis_url: str = _setting("embedded:", _url("embedded:", "redis://", "rediss://", "unix://", "memory:"))
    """Speed layer: feeds, counters, rate limits."""
    keys_url: str = _setting(lambda s: f"file://{s['data']}/signing-keys.json", _url("file:///"))
    """URL-signing keys; default: `signing-keys.json` in the data folder."""
    cache_url: str = _setting(lambda s: f"file://{s['data']}/cache", _url("memory:", "file:///"))
    """Segment cache of the edge; default: `cache` in the data folder."""
    cache_bytes: int = _setting(str(2 << 30), _whole(1 << 20, 1 << 44))
    """Most bytes that the segment cache holds."""
    scorer: str = _setting("embedded", _choice("embedded"))
    """How interactions become feeds."""
    moderation: str = _setting("local", _choice("local"))
    """Who looks at a clip before it is published."""
    auth_issuer: str = _setting("local", _issuer)
    """Who signs the users' tokens: this installation, or an OIDC issuer."""
    auth_audience: str = _setting("reelway", _text)
    """The `aud` that a user's token must carry."""
    packager_jobs: int = _setting("1", _whole(1, 64))
    """Clips packaged at the same time."""
    upload_max_bytes: int = _setting(str(256 << 20), _whole(1 << 10, 1 << 34))
    """Largest upload."""
    gateway_bind: Bind = _setting("127.0.0.1:8443", _bind)
    """Public API."""
    edge_bind: Bind = _setting("127.0.0.1:8444", _bind)
    """Media."""
    origin_bind: Bind = _setting("127.0.0.1:8445", _bind)
    """HTTP for edges."""
    admin_bind: Bind = _setting("127.0.0.1:9090", _bind)
    """Health, metrics and purges: never on a public address."""
    public_url: str = _setting(lambda s: f"https://localhost:{s['gateway_bind'].port}", _url("https://"))
    """What clients see; default: https://localhost and the gateway's port."""
    media_url: str = _setting(lambda s: str(s["public_url"]), _url("https://"))
    """What playback URLs begin with; default: the public URL, which serves media too."""
    origin_url: str = _setting("inprocess:", _url("inprocess:", "http://"))
    """Where an edge fetches what it does not hold; `inprocess:` when the origin is in this process."""
    tls_cert: Path = _setting(lambda s: f"{s['data']}/tls/cert.pem", _path)
    """Certificate chain in PEM; default: a self-signed pair made in the data folder."""
    tls_key: Path = _setting(lambda s: f"{s['data']}/tls/key.pem", _path)
    """Private key in PEM."""
    log: str = _setting("text", _choice("text", "json"))
    """Form of the log lines on standard error."""
    log_level: str = _setting("info", _choice("debug", "info", "warning", "error"))

    @property
    def tls_self_signed(self) -> bool:
        """True when no pair was named, so that the data folder's own may be made and replaced."""
        return self.tls_cert == self.data / "tls" / "cert.pem"


def load(folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings for a process started in `folder`.

    Raises BadSetting for an unknown name, a refused value or an unreadable file.
    """
    environment = os.environ if environment is None else environment
    given = _from_file(folder / FILE_NAME) | _from_environment(environment)
    _refuse_unknown(given)
    values: dict[str, Any] = {}
    for each in fields(Settings):
        default = each.metadata["default"]
        source, text = given.get(each.name, ("", default(values) if callable(default) else default))
        try:
            values[each.name] = each.metadata["parse"](text)
        except ValueError as error:
            raise BadSetting(f"{source} has the value {text!r}; allowed is {error}") from error
        if each.name == "data":
            values["data"] = (folder / values["data"]).absolute()
    if ("tls_cert" in given) != ("tls_key" in given):
        raise BadSetting("REELWAY_TLS_CERT and REELWAY_TLS_KEY go together: set both or neither")
    return Settings(**values)


def _refuse_unknown(given: Mapping[str, tuple[str, str]]) -> None:
    known = {each.name for each in fields(Settings)}
    for name in sorted(set(given) - known):
        source = given[name][0]
        spelled = _env_name if source.startswith(PREFIX) else str
        meant = [f"; did you mean {spelled(near)}?" for near in get_close_matches(name, known, 1)]
        allowed = ", ".join(spelled(each) for each in sorted(known))
        raise BadSetting(f"{source} is not a setting{''.join(meant)}\nallowed are {allowed}")


def masked(settings: Settings) -> dict[str, str]:
    """The settings by their environment names, passwords in URLs replaced; for `/config` and `doctor`."""
    return {_env_name(each.name): _without_password(str(getattr(settings, each.name))) for each in fields(Settings)}


def _without_password(text: str) -> str:
    if "://" not in text:
        return text
    parts = urlsplit(text)
    if parts.password is None:
        return text
    return parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}").geturl()


def _env_name(name: str) -> str:
    return PREFIX + name.upper()


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    names = [name for name in environment if name.startswith(PREFIX)]
    return {name.removeprefix(PREFIX).lower(): (name, environment[name]) for name in names}


def _from_file(path: Path) -> dict[str, tuple[str, str]]:
    if not path.exists():
        return {}
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadSetting(f"{path} cannot be read: {error}") from error
    for name, value in document.items():
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise BadSetting(f"{name} in {path} has the value {value!r}; allowed is a text or a whole number")
    return {name: (f"{name} in {FILE_NAME}", str(value)) for name, value in document.items()}


def services_cache() -> Path:
    """Where `make services` and the tests keep the engines' programs, for all checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reelway" / "services"
