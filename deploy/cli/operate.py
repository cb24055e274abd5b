"""For operators: `doctor`, `purge`, `dlq`."""

from __future__ import annotations

import asyncio

import click
import httpx

from deploy.cli.deadletters import dlq
from deploy.cli.given import pass_settings
from deploy.cli.terminal import Failed, Reporter, table
from deploy.doctor import examine
from deploy.settings import Settings, masked

__all__ = ["dlq", "doctor", "purge"]


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
