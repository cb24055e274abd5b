"""Every setting of a Reelway process, typed, and the only place that reads the environment.

A setting named `x_y` is read from `REELWAY_X_Y`, else from the key `x_y` of `reelway.toml` in the working folder,
else it has the default written here. A name that is not listed, or a value that does not parse, stops the
start with the name, the value refused and what is allowed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from deploy.cores import usable_cores
from deploy.roles import EVERY_ROLE, Role
from deploy.setting_forms import (
    Bind,
    a_path,
    a_url,
    any_text,
    host_and_port,
    issuer,
    moderation,
    one_of,
    optional_path,
    targets,
    webhook_reach,
    whole_number,
)

PREFIX = "REELWAY_"
MOST_JOBS = 64
_PASSWORD = re.compile(r"(://[^/?#@:]*:)[^/?#]*@")
"""Up to the last @ of an authority, also of a URL within a URL: `urlsplit` takes it so (RFC 3986, 3.2)."""
FILE_NAME = "reelway.toml"


class BadSetting(Exception):
    """A setting that stops the start. Its text is meant for the operator."""


Derived = Callable[[Mapping[str, Any]], str]
"""Of the settings written above it, and of `roles`, those of the process."""


def _media_url(above: Mapping[str, Any]) -> str:
    if Role.EDGE in above["roles"]:
        return str(above["public_url"])
    return f"https://localhost:{above['edge_bind'].port}"


def _origin_url(above: Mapping[str, Any]) -> str:
    return "inprocess:" if Role.ORIGIN in above["roles"] else f"http://{above['origin_bind']}"


def _setting(default: str | Derived, parse: Callable[[str], Any]) -> Any:
    """A field whose default is a text, or follows from the settings written above it."""
    return field(metadata={"parse": parse, "default": default})


def jobs_for(cores: int) -> int:
    """A job keeps about two cores busy."""
    return max(1, min(MOST_JOBS, cores // 2))


@dataclass(frozen=True, slots=True)
class Settings:
    """One process's settings; `load` makes it."""

    data: Path = _setting("./var", a_path)
    """Folder of all embedded state."""
    metadata_url: str = _setting(lambda s: f"sqlite://{s['data']}/metadata.db", a_url("sqlite:///", "cassandra://"))
    """Metadata store; default: `metadata.db` in the data folder."""
    objects_url: str = _setting(lambda s: f"file://{s['data']}/objects", a_url("file:///", "s3://"))
    """Object store; default: `objects` in the data folder."""
    events_url: str = _setting(lambda s: f"sqlite://{s['data']}/events.db", a_url("sqlite:///", "kafka://"))
    """Event log; default: `events.db` in the data folder."""
    redis_url: str = _setting(
        "embedded:",
        a_url("embedded:", "redis://", "rediss://", "redis+cluster://", "redis+sentinel://", "unix://", "memory:"),
    )
    """Speed layer: feeds, counters, rate limits, and how far packaging is."""
    keys_url: str = _setting(lambda s: f"file://{s['data']}/signing-keys.json", a_url("file:///"))
    """URL-signing keys; default: `signing-keys.json` in the data folder."""
    cache_url: str = _setting(lambda s: f"file://{s['data']}/cache", a_url("memory:", "file:///"))
    """Segment cache of the edge; default: `cache` in the data folder."""
    cache_bytes: int = _setting(str(2 << 30), whole_number(1 << 20, 1 << 44))
    """Most bytes that the segment cache holds."""
    scorer: str = _setting("embedded", one_of("embedded"))
    """How interactions become feeds."""
    moderation: str = _setting("local", moderation)
    """Who looks at a clip before it is published: a network on this machine, Amazon Rekognition, or a service of your
    own, asked at `webhook:https://:SECRET@host/path`."""
    webhook_reach: str = _setting("", webhook_reach)
    """Beyond public addresses, where webhooks may be sent: networks such as 10.20.0.0/16 and, for development,
    `loopback`, with commas between."""
    auth_issuer: str = _setting("local", issuer)
    """Who signs the users' tokens: this installation, or an OIDC issuer."""
    auth_audience: str = _setting("reelway", any_text)
    """The `aud` that a user's token must carry."""
    packager_jobs: int = _setting(lambda _: str(jobs_for(usable_cores())), whole_number(1, MOST_JOBS))
    """Clips packaged at the same time; default: half the cores that the process may use, at least 1."""
    av1_from_heat: int = _setting("500", whole_number(0, 1 << 31))
    """Heat from which a video gets AV1 renditions too, while no clip waits: views of the last day, fading, a like
    counting 4, a comment 6, a share 8; 0 turns it off."""
    upload_max_bytes: int = _setting(str(256 << 20), whole_number(1 << 10, 1 << 34))
    """Largest upload."""
    gateway_bind: Bind = _setting("127.0.0.1:8443", host_and_port)
    """Public API."""
    edge_bind: Bind = _setting("127.0.0.1:8444", host_and_port)
    """Media."""
    origin_bind: Bind = _setting("127.0.0.1:8445", host_and_port)
    """HTTP for edges."""
    origin_grpc_bind: Bind = _setting("127.0.0.1:7101", host_and_port)
    """gRPC of the origin, where it is a process of its own."""
    feed_grpc_bind: Bind = _setting("127.0.0.1:7102", host_and_port)
    """gRPC of the feed."""
    scorer_grpc_bind: Bind = _setting("127.0.0.1:7103", host_and_port)
    """gRPC of the scorer."""
    origin_target: str = _setting(lambda s: str(s["origin_grpc_bind"]), targets)
    """Where a gateway reaches the origins; default: this machine's."""
    feed_target: str = _setting(lambda s: str(s["feed_grpc_bind"]), targets)
    """Where a gateway reaches the feeds; default: this machine's."""
    scorer_target: str = _setting(lambda s: str(s["scorer_grpc_bind"]), targets)
    """Where a feed reaches the scorer; default: this machine's."""
    grpc_tls_cert: Path | None = _setting("", optional_path)
    """Certificate of this process for gRPC, in PEM; with key and authority both sides prove who they are."""
    grpc_tls_key: Path | None = _setting("", optional_path)
    """Private key in PEM."""
    grpc_tls_ca: Path | None = _setting("", optional_path)
    """The authority that signed the certificates of all roles, in PEM."""
    grpc_tls_name: str = _setting("", any_text)
    """The name in the certificates of other roles, where it is not the host of the target; with several targets it is
    needed."""
    admin_bind: Bind = _setting("127.0.0.1:9090", host_and_port)
    """Health, metrics and purges: never on a public address."""
    public_url: str = _setting(lambda s: f"https://localhost:{s['gateway_bind'].port}", a_url("https://"))
    """What clients see; default: https://localhost and the gateway's port."""
    media_url: str = _setting(_media_url, a_url("https://"))
    """What playback URLs begin with; default: the public URL where an edge is in the gateway's process, else
    https://localhost and the edge's port."""
    origin_url: str = _setting(_origin_url, a_url("inprocess:", "http://"))
    """Where an edge fetches what it does not hold, several as http://a:8445,b:8445; default: the origin in this
    process, else this machine's."""
    tls_cert: Path = _setting(lambda s: f"{s['data']}/tls/cert.pem", a_path)
    """Certificate chain in PEM; default: a self-signed pair made in the data folder."""
    tls_key: Path = _setting(lambda s: f"{s['data']}/tls/key.pem", a_path)
    """Private key in PEM."""
    log: str = _setting("text", one_of("text", "json"))
    """Form of the log lines on standard error."""
    log_level: str = _setting("info", one_of("debug", "info", "warning", "error"))

    @property
    def tls_self_signed(self) -> bool:
        """True when no pair was named, so that the data folder's own may be made and replaced."""
        return self.tls_cert == self.data / "tls" / "cert.pem"


def load(folder: Path, environment: Mapping[str, str] | None = None, roles: frozenset[Role] = EVERY_ROLE) -> Settings:
    """Read the settings for a process started in `folder` to serve `roles`.

    Raises BadSetting for an unknown name, a refused value or an unreadable file.
    """
    environment = os.environ if environment is None else environment
    given = _from_file(folder / FILE_NAME) | _from_environment(environment)
    _refuse_unknown(given)
    values: dict[str, Any] = {"roles": roles}
    for each in fields(Settings):
        default = each.metadata["default"]
        source, text = given.get(each.name, ("", default(values) if callable(default) else default))
        try:
            values[each.name] = each.metadata["parse"](text)
        except ValueError as error:
            raise BadSetting(f"{source} has the value {_without_password(text)!r}; allowed is {error}") from error
        if each.name == "data":
            values["data"] = (folder / values["data"]).absolute()
    _refuse_incomplete(given)
    del values["roles"]
    return Settings(**values)


def _refuse_incomplete(given: Mapping[str, object]) -> None:
    for names in (("tls_cert", "tls_key"), ("grpc_tls_cert", "grpc_tls_key", "grpc_tls_ca")):
        if len({name in given for name in names}) > 1:
            spelled = " and ".join(_env_name(name) for name in names)
            raise BadSetting(f"{spelled} go together: set all of them or none")


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
    return _PASSWORD.sub(r"\1***@", text)


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
