"""`reelway upload`: send clips, resume broken ones, follow them until they play."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from deploy import uploading
from deploy.cli.given import ServerUrl, pass_settings
from deploy.cli.terminal import Failed, Reporter
from deploy.client import ApiProblem, Client, Unreachable
from deploy.settings import Settings
from deploy.uploading import MOST_CONNECTIONS, Begun
from deploy.ways import Http

STATE_FOLDER = "cli"


def remembered(settings: Settings, name: str) -> dict[str, Any]:
    """What this folder's command line remembers under `name` between calls; empty when nothing readable."""
    path = settings.data / STATE_FOLDER / f"{name}.json"
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def remember(settings: Settings, name: str, document: Mapping[str, Any]) -> None:
    """Keep a document, readable by this user only (it may hold a token)."""
    folder = settings.data / STATE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))


def signed_in(settings: Settings, url: str, handle: str | None, token: str | None, http: Http = Http.AUTO) -> Client:
    """A client with a session: the token given, the one remembered for this server and handle, or a new one."""
    client = Client(url, certificate=settings.tls_cert, http=http)
    sessions = remembered(settings, "sessions")
    key = f"{url} {handle or ''}"
    client.token = token or sessions.get(key, "")
    if not client.token:
        client.open_session(handle)
        remember(settings, "sessions", {**sessions, key: client.token})
    return client


@click.command(short_help="Upload clips and follow them until ready.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--description", default="", help="Text under the video; #words become tags.")
@click.option("--handle", help="Upload as this named user (with the local issuer); default: a guest.")
@click.option("--token", help="Upload with this bearer token instead.")
@click.option("--url", type=ServerUrl(), help="The server's public address; default: REELWAY_PUBLIC_URL.")
@click.option(
    "--connections",
    type=click.IntRange(1, MOST_CONNECTIONS),
    help="Send as so many pieces at once; default: several where the way to the server is long.",
)
@click.option(
    "--http",
    type=click.Choice([each.value for each in Http]),
    default=Http.AUTO.value,
    help="The version to speak; default: HTTP/3 where the server offers it and UDP gets through, else HTTP/1.1.",
)
@click.option("--no-wait", is_flag=True, help="Do not follow the processing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_settings
def upload(
    settings: Settings,
    files: tuple[Path, ...],
    description: str,
    handle: str | None,
    token: str | None,
    url: str | None,
    connections: int | None,
    http: str,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Upload clips and follow them until they are ready: the stage of packaging, and how far each rendition is.

    A call that broke off is resumed by the same call: bytes that the server holds are not sent again.
    """
    address, reporter = url or settings.public_url, Reporter(as_json)
    try:
        client = signed_in(settings, address, handle, token, Http(http))
        sending = _Sending(settings, client, address, description, connections, reporter)
        failed = [path for path in files if not _one(sending, path, no_wait)]
    except Unreachable as error:
        raise Failed(f"{error} (is the server running? `reelway up` starts one)") from error
    except ApiProblem as error:
        raise Failed(f"refused: {error}") from error
    except KeyboardInterrupt as error:
        raise Failed("stopped; what was sent is kept: the same command goes on from there") from error
    if failed:
        raise Failed(f"{len(failed)} of {len(files)} clips failed")


@dataclass(frozen=True, slots=True)
class _Sending:
    settings: Settings
    client: Client
    url: str
    description: str
    connections: int | None
    reporter: Reporter


def _one(sending: _Sending, path: Path, no_wait: bool) -> bool:
    began, reporter = time.monotonic(), sending.reporter
    try:
        begun = _send(sending, path)
    except ApiProblem as error:
        reporter.event(f"{path.name}: refused: {error}", file=str(path), refused=error.code, detail=error.detail)
        return False
    sent_s = time.monotonic() - began
    size = path.stat().st_size
    reporter.event(
        f"{path.name}: {size / 1e6:.1f} MB sent in {sent_s:.1f} s over {sending.client.spoken}; "
        f"it is video {begun.video_id}",
        file=str(path),
        video_id=begun.video_id,
        sent_bytes=size,
        sent_s=round(sent_s, 3),
        connections=len(begun.pieces),
        http=sending.client.spoken,
    )
    try:
        return True if no_wait else follow(sending.client, begun.video_id, path.name, reporter)
    except KeyboardInterrupt as error:
        raise Failed(f"no longer following video {begun.video_id}; the server goes on with it") from error


def _send(sending: _Sending, path: Path) -> Begun:
    size, client, settings = path.stat().st_size, sending.client, sending.settings
    unfinished = remembered(settings, "uploads")
    key = f"{sending.url} {path.absolute()} {size} {path.stat().st_mtime_ns}"
    begun = _resumable(client, unfinished.get(key))
    if begun is None:
        count = sending.connections or uploading.connections(client, size)
        begun = uploading.begin(client, path, sending.description, count)
        remember(settings, "uploads", {**unfinished, key: begun.to_json()})
    try:
        uploading.send(client, begun, path, _Told(sending.reporter, path, size))
    except ApiProblem:
        _forget(settings, key)
        raise
    _forget(settings, key)
    return begun


class _Told:
    """Shows how far an upload is, and how fast since its first report."""

    def __init__(self, reporter: Reporter, path: Path, size: int) -> None:
        self._reporter, self._path, self._size = reporter, path, size
        self._first: tuple[float, int] | None = None

    def __call__(self, offset: int) -> None:
        began, first = self._first = self._first or (time.monotonic(), offset)
        rate = (offset - first) / max(time.monotonic() - began, 1e-3)
        left = f", {(self._size - offset) / rate:.0f} s left" if rate and offset < self._size else ""
        self._reporter.progress(
            self._path.name,
            offset / self._size if self._size else 1.0,
            f"{offset / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s{left}",
            file=str(self._path),
            offset=offset,
        )


def _forget(settings: Settings, key: str) -> None:
    remember(
        settings, "uploads", {other: value for other, value in remembered(settings, "uploads").items() if other != key}
    )


def _resumable(client: Client, unfinished: Mapping[str, Any] | None) -> Begun | None:
    """What was begun before, by this version of the command."""
    if unfinished is None:
        return None
    try:
        begun = uploading.from_json(unfinished)
    except (KeyError, TypeError, ValueError):
        return None
    return begun if uploading.is_there(client, begun) else None


def follow(client: Client, video_id: str, name: str, reporter: Reporter) -> bool:
    """Show a video's processing until its end; True when it plays."""
    began, playable = time.monotonic(), False
    for document in client.video_events(video_id):
        status, elapsed = document["status"], time.monotonic() - began
        if status in {"playable", "ready"} and not playable:
            playable = True
            reporter.event(f"{name}: playable after {elapsed:.1f} s", video_id=video_id, playable_s=round(elapsed, 2))
        if status == "ready":
            reporter.event(f"{name}: ready after {elapsed:.1f} s", video_id=video_id, ready_s=round(elapsed, 2))
        elif status in {"rejected", "failed"}:
            failure = document.get("failure") or {}
            reporter.event(
                f"{name}: {status}: {failure.get('detail', '')}", video_id=video_id, status=status, **failure
            )
            return False
        else:
            reporter.progress(
                name,
                document.get("progress") or 0.0,
                processing(document),
                video_id=video_id,
                status=status,
                **{member: document[member] for member in ("stage", "rungs") if member in document},
            )
    return playable


def processing(document: Mapping[str, Any]) -> str:
    """What is done for a video, in words: its status, or as far as the server tells them the stage and the rungs by the
    height of their picture, those that are equally far together: `encoding rest: 1920p 640p 40%, 960p published`."""
    words = str(document.get("stage", document["status"])).replace("_", " ")
    equally_far: dict[str, list[str]] = {}
    for rung in document.get("rungs", ()):
        equally_far.setdefault(_how_far(rung), []).append(f"{rung['height']}p")
    rungs = [f"{' '.join(heights)} {far}" for far, heights in equally_far.items()]
    return f"{words}: {', '.join(rungs)}" if rungs else words


def _how_far(rung: Mapping[str, Any]) -> str:
    return "published" if rung["published"] and rung["progress"] >= 1 else f"{rung['progress']:.0%}"
