"""`reelway demo-data`: a dozen clips from several creators and a week of viewing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click

from deploy.cli.given import ServerUrl, pass_settings
from deploy.cli.terminal import Failed, Reporter
from deploy.cli.upload import remember, remembered
from deploy.client import ApiProblem, Client, Unreachable
from deploy.clock import now_ms
from deploy.demo import CLIPS, DemoClip, Published, viewer_weeks
from deploy.settings import Settings
from packager.demo import make_demo_clip

CLIP_S = 9
CONFLICT = 409


@click.command("demo-data", short_help="Fill a running system with clips and viewers.")
@click.option("--clips", default=len(CLIPS), show_default=True, type=click.IntRange(2, len(CLIPS)), help="How many.")
@click.option("--seconds", default=CLIP_S, show_default=True, type=click.IntRange(2, 30), help="Length of a clip.")
@click.option("--url", type=ServerUrl(), help="The server's public address; default: REELWAY_PUBLIC_URL.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_settings
def demo_data(settings: Settings, clips: int, seconds: int, url: str | None, as_json: bool) -> None:
    """Fill a running system with rendered clips, creators, viewers and what they did in a week.

    Takes some minutes on two cores, most of it packaging; the first clips play long before. Each run adds its own.
    """
    address, reporter = url or settings.public_url, Reporter(as_json)
    try:
        _fill(settings, address, CLIPS[:clips], seconds, reporter)
    except Unreachable as error:
        raise Failed(f"{error} (is the server running? `reelway up` starts one)") from error
    except ApiProblem as error:
        raise Failed(f"refused: {error}") from error


def _fill(settings: Settings, address: str, clips: tuple[DemoClip, ...], seconds: int, reporter: Reporter) -> None:
    creators = _creators(settings, address, clips)
    sent: list[tuple[str, DemoClip]] = []
    with tempfile.TemporaryDirectory(prefix="reelway-demo-") as folder:
        for index, clip in enumerate(clips):
            path = Path(folder) / f"demo-{index:02}.mp4"
            reporter.progress("rendering", index / len(clips), clip.description, rendered=index)
            asyncio.run(make_demo_clip(path, index, seconds))
            client = creators[clip.handle]
            created = client.create_upload(path, clip.description)
            client.send_file(created.location, path, lambda _: None)
            sent.append((created.video_id, clip))
            path.unlink()
    for done, (video_id, clip) in enumerate(sent):
        _await_ready(creators[clip.handle], video_id, f"{done} of {len(sent)} ready", done / len(sent), reporter)
    published = [
        Published(video_id, clip.theme, creators[clip.handle].call("GET", f"/v1/videos/{video_id}")["duration_ms"])
        for video_id, clip in sent
    ]
    total = _live_a_week(settings, address, published, creators)
    reporter.event(
        f"{len(published)} clips by {len(creators)} creators, {total} interactions of a week; open {address}/",
        clips=len(published),
        creators=len(creators),
        interactions=total,
        url=address,
    )


def _await_ready(client: Client, video_id: str, words: str, done: float, reporter: Reporter) -> None:
    for document in client.video_events(video_id):
        if document["status"] in {"rejected", "failed", "deleted"}:
            detail = (document.get("failure") or {}).get("detail", "")
            raise Failed(f"video {video_id} is {document['status']}: {detail}")
        reporter.progress("packaging", done, words, video_id=video_id, status=document["status"])


def _creators(settings: Settings, address: str, clips: tuple[DemoClip, ...]) -> dict[str, Client]:
    """A signed-in client for each creator; a second run speaks for the creators of the first."""
    sessions = remembered(settings, "demo")
    clients: dict[str, Client] = {}
    for handle in dict.fromkeys(clip.handle for clip in clips):
        key = f"{address} {handle}"
        client = Client(address, certificate=settings.tls_cert, token=sessions.get(key, ""))
        if not client.token:
            sessions[key] = client.open_session(handle).token
        clients[handle] = client
    remember(settings, "demo", sessions)
    return clients


def _live_a_week(settings: Settings, address: str, clips: list[Published], creators: dict[str, Client]) -> int:
    owners = [
        client.call("GET", f"/v1/videos/{clip.video_id}")["creator"]["id"]
        for clip, client in ((clip, next(iter(creators.values()))) for clip in clips)
    ]
    by_theme = {clip.theme: owner for clip, owner in zip(clips, owners, strict=True)}
    total = 0
    for number, week in enumerate(viewer_weeks(clips, now_ms())):
        viewer = Client(address, certificate=settings.tls_cert)
        _sign_in(viewer, week.handle)
        for first in range(0, len(week.interactions), 500):
            answer = viewer.call("POST", "/v1/interactions", {"events": week.interactions[first : first + 500]})
            total += int(answer["accepted"])
        for video_id, text in week.comments:
            viewer.call("POST", f"/v1/videos/{video_id}/comments", {"text": text})
        if owner := by_theme.get(list(by_theme)[number % len(by_theme)]):
            viewer.call("PUT", f"/v1/users/{owner}/follow")
        viewer.close()
    return total


def _sign_in(viewer: Client, handle: str) -> None:
    """As the named viewer, or as a guest when an earlier run has that name."""
    try:
        viewer.open_session(handle)
    except ApiProblem as error:
        if error.status != CONFLICT:
            raise
        viewer.open_session(None)
