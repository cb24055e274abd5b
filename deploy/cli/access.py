"""Who may: `token` for users, `sign`, `verify` and `keys` for media."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import click

from deploy.cli.given import existing, pass_settings
from deploy.cli.terminal import Failed, Reporter, moment, table
from deploy.clock import now_ms
from deploy.compose import ISSUER_KEY_FILE
from deploy.settings import Settings
from edge.access import Granted, admit
from edge.gateway.context import MODERATE
from edge.gateway.issuers.local import BadKeyFile, LocalIssuer, load_or_make_key
from signer.keys import KeyStore, KeyStoreError, open_keys
from signer.playback import PlaybackSigner

T = TypeVar("T")


def _with_keys(settings: Settings, work: Callable[[KeyStore], Awaitable[T]]) -> T:
    existing(Path(unquote(urlsplit(settings.keys_url).path)), "signing keys")

    async def run() -> T:
        store = open_keys(settings.keys_url, now_ms)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except KeyStoreError as error:
        raise Failed(str(error)) from error


@click.command(short_help="Make a bearer token for a user.")
@click.option("--user", required=True, help="The user id that the token speaks for, as in a video's creator.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 365), help="How long it is good.")
@click.option("--scope", default="", help=f"What it allows beside what everybody may, such as {MODERATE}.")
@pass_settings
def token(settings: Settings, user: str, days: int, scope: str) -> None:
    """Make a bearer token for a user (local issuer only)."""
    if settings.auth_issuer != "local":
        raise Failed(f"tokens come from {settings.auth_issuer}, the issuer that REELWAY_AUTH_ISSUER names")
    if not user.isdigit():
        raise click.UsageError("--user is a decimal user id")
    try:
        key = load_or_make_key(existing(settings.data / ISSUER_KEY_FILE, "issuer key"))
    except (BadKeyFile, OSError) as error:
        raise Failed(str(error)) from error
    click.echo(LocalIssuer(key, settings.auth_audience, days * 86_400).mint(int(user), now_ms(), scope)[0])


@click.command(short_help="Sign a media URL or path.")
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_settings
def sign(settings: Settings, url: str, as_json: bool) -> None:
    """Sign a media URL or path such as /v/123/hls.m3u8."""
    path = urlsplit(url).path
    parts = path.split("/", 3)
    if len(parts) != 4 or parts[1] != "v" or not parts[2].isdigit():
        raise click.UsageError("a media URL has the path /v/{video_id}/{name}")
    origin = url.removesuffix(path) if "://" in url else settings.media_url

    async def work(store: KeyStore) -> tuple[str, int]:
        return PlaybackSigner(await store.ring()).url(origin, int(parts[2]), parts[3], now_ms())

    signed, expires_at_ms = _with_keys(settings, work)
    at = moment(expires_at_ms)
    Reporter(as_json).event(f"{signed}\nexpires {at}", url=signed, expires_at=at)


@click.command(short_help="Say what an edge would say to a signed URL.")
@click.argument("url")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_settings
def verify(settings: Settings, url: str, as_json: bool) -> None:
    """Say whether an edge would serve a signed media URL now, and if not, why."""
    parts = urlsplit(url)

    async def work(store: KeyStore) -> object:
        return admit("GET", parts.path.encode(), parts.query.encode(), (), await store.ring(), now_ms())

    outcome = _with_keys(settings, work)
    if not isinstance(outcome, Granted):
        code = getattr(outcome, "code", "bad_signature")
        Reporter(as_json).event(f"refused: {code}", granted=False, code=code)
        raise click.exceptions.Exit(1)
    expires = moment(outcome.expires_s * 1000)
    Reporter(as_json).event(
        f"granted: {outcome.path} until {expires}", granted=True, path=outcome.path, expires_at=expires
    )


@click.group()
def keys() -> None:
    """The keys that media URLs are signed with."""


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_settings
def list_keys(settings: Settings, as_json: bool) -> None:
    """Every key, what it may do now, and since when."""
    ring = _with_keys(settings, lambda store: store.ring())
    now = now_ms()
    rows = [
        {
            "kid": key.kid,
            "state": ring.state(key.kid, now),
            "created": moment(key.created_ms),
            "signs_from": moment(key.signs_from_ms),
            "verifies_until": moment(key.verifies_until_ms),
        }
        for key in sorted(ring.keys.values(), key=lambda key: key.created_ms)
    ]
    table(list(rows), as_json, "no keys yet: `reelway up` makes the first")


@keys.command(short_help="Sign with a new key; old URLs stay good.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_settings
def rotate(settings: Settings, as_json: bool) -> None:
    """Add a key that signs a few seconds from now; URLs signed with the old ones stay good until they expire."""
    key = _with_keys(settings, lambda store: store.rotate(now_ms()))
    at = moment(key.signs_from_ms)
    Reporter(as_json).event(f"{key.kid} signs from {at}", kid=key.kid, signs_from=at)


@keys.command(short_help="Refuse every URL signed with a key.")
@click.argument("kid")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@pass_settings
def revoke(settings: Settings, kid: str, as_json: bool) -> None:
    """Refuse every URL signed with the key KID, at once. `keys list` names the keys."""
    _with_keys(settings, lambda store: store.revoke(kid, now_ms()))
    Reporter(as_json).event(f"{kid} is revoked; running edges refuse it within seconds", kid=kid, state="revoked")
