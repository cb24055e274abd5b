"""For operators: `doctor`, `purge`, `dlq`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import click
import httpx

from deploy.cli.given import existing, pass_settings
from deploy.cli.terminal import Failed, Reporter, table
from deploy.clock import now_ms
from deploy.doctor import examine
from deploy.settings import Settings, masked
from origin.eventlog import Record, open_eventlog
from origin.events import MalformedEvent, Topic, UploadEvent, decode, encode

MOST_LETTERS = 1000


@click.command(short_help="Check this machine and the settings.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_settings
def doctor(settings: Settings, as_json: bool) -> None:
    """Check this machine and the settings; exit code 1 when something would not work."""
    findings = asyncio.run(examine(settings))
    if not as_json:
        for name, value in masked(settings).items():
            click.echo(f"{name}={value}")
        click.echo()
    answers: tuple[object, object] = (False, True) if as_json else ("NO", "yes")
    rows = [{"check": each.check, "ok": answers[each.ok], "finding": each.finding} for each in findings]
    table(list(rows), as_json, "")
    if not all(each.ok for each in findings):
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--url", help="One media URL or path.")
@click.option("--prefix", help="Every path that begins so.")
@click.option("--tag", help="Everything with this surrogate key, such as video-123.")
@click.option("--soft", is_flag=True, help="Treat as stale instead of forgetting.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_settings
def purge(settings: Settings, url: str | None, prefix: str | None, tag: str | None, soft: bool, as_json: bool) -> None:
    """Make a running edge forget media."""
    named = {key: value for key, value in (("url", url), ("prefix", prefix), ("tag", tag)) if value}
    if len(named) != 1:
        raise click.UsageError("name exactly one of --url, --prefix and --tag")
    try:
        answer = httpx.post(f"http://{settings.admin_bind}/purge", json={**named, "soft": soft}, timeout=10)
    except httpx.TransportError as error:
        raise Failed(f"nothing answers on the admin address {settings.admin_bind}: is `reelway up` running?") from error
    if answer.is_error:
        raise Failed(answer.json().get("detail", f"status {answer.status_code}"))
    purged = int(answer.json()["purged"])
    entries = "1 entry" if purged == 1 else f"{purged} entries"
    Reporter(as_json).event(f"{entries} {'made stale' if soft else 'dropped'}", purged=purged, soft=soft)


@click.group()
def dlq() -> None:
    """Uploads that packaging gave up on."""


def _letters(settings: Settings) -> Sequence[Record]:
    existing(Path(unquote(urlsplit(settings.events_url).path)), "event log")

    async def run() -> Sequence[Record]:
        log = open_eventlog(settings.events_url, now_ms)
        try:
            return await log.read(Topic.UPLOADS_DEAD, {}, MOST_LETTERS)
        finally:
            await log.close()

    return asyncio.run(run())


def _row(record: Record) -> dict[str, Any]:
    place = f"{record.position.partition}/{record.position.offset}"
    try:
        event = decode(UploadEvent, record.value)
    except MalformedEvent as error:
        return {"letter": place, "video_id": record.key, "attempt": "", "code": "malformed", "detail": str(error)}
    return {
        "letter": place,
        "video_id": str(event.video_id),
        "attempt": event.attempt,
        "code": event.error_code,
        "detail": event.error_detail.splitlines()[0] if event.error_detail else "",
    }


@dlq.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_settings
def list_letters(settings: Settings, as_json: bool) -> None:
    """Dead letters, oldest first."""
    table([_row(record) for record in _letters(settings)], as_json, "no dead letters")


def _find(settings: Settings, letter: str) -> Record:
    for record in _letters(settings):
        if f"{record.position.partition}/{record.position.offset}" == letter:
            return record
    raise Failed(f"there is no dead letter {letter}; `reelway dlq list` shows those there are")


@dlq.command()
@click.argument("letter")
@pass_settings
def show(settings: Settings, letter: str) -> None:
    """One dead letter whole, the encoder's last words included. LETTER is as `dlq list` names it."""
    click.echo(_find(settings, letter).value.decode(errors="replace"))


@dlq.command()
@click.argument("letter")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_settings
def replay(settings: Settings, letter: str, as_json: bool) -> None:
    """Give a dead letter to the packager once more. LETTER is as `dlq list` names it."""
    record = _find(settings, letter)
    try:
        event = decode(UploadEvent, record.value)
    except MalformedEvent as error:
        raise Failed(f"letter {letter} cannot be replayed: {error}") from error
    fresh = replace(event, attempt=0, error_code="", error_detail="", not_before=0)

    async def run() -> None:
        log = open_eventlog(settings.events_url, now_ms)
        try:
            await log.append(Topic.UPLOADS_RETRY, str(fresh.video_id), encode(fresh))
        finally:
            await log.close()

    asyncio.run(run())
    Reporter(as_json).event(f"video {fresh.video_id} is queued again", video_id=str(fresh.video_id))
