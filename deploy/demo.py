"""What `reelway demo-data` fills an empty system with, as pure values: creators, captions, a week of viewing.

The viewers' taste follows the clips' themes, so that the scorer has something true to find.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SEED = 20_260_401
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class DemoClip:
    handle: str
    """Its creator."""
    description: str
    theme: str


CLIPS = (
    DemoClip("mira.fractals", "Falling into the Mandelbrot set, again and again #fractals #math", "math"),
    DemoClip("soft.gradients", "Slow colours for a slow morning #calm #color", "calm"),
    DemoClip("cell.by.cell", "Conway's Life, left alone for ten seconds #life #automata", "automata"),
    DemoClip("mira.fractals", "A triangle made of nothing but triangles #fractals #sierpinski", "math"),
    DemoClip("soft.gradients", "Waves you can almost hear #calm #waves", "calm"),
    DemoClip("cell.by.cell", "Rule 110 is Turing complete, and pretty #automata #code", "automata"),
    DemoClip("night.signal", "Lost signal, found beauty #glitch #color", "glitch"),
    DemoClip("night.signal", "Test card after midnight #glitch #retro", "glitch"),
    DemoClip("soft.gradients", "Sunset, if the sun were a function #calm #color", "calm"),
    DemoClip("mira.fractals", "Zoom until floating point gives up #fractals #math", "math"),
    DemoClip("cell.by.cell", "A universe with three rules #life #automata", "automata"),
    DemoClip("night.signal", "Colour bars have feelings too #glitch #retro", "glitch"),
)
THEMES = ("math", "calm", "automata", "glitch")
VIEWERS = (
    "ada.k",
    "bruno",
    "chiara.m",
    "dag",
    "elif.s",
    "farah",
    "gus.o",
    "hana.p",
    "ines",
    "jonas.w",
    "kemi",
    "lior.b",
    "maya.r",
    "nils",
    "oona.v",
    "pavel",
    "quinn.d",
    "rosa.l",
    "sami",
    "tomoko",
    "uma.j",
    "viktor",
    "wanda.e",
    "yusuf",
)
SESSIONS_EACH = 5
CLIPS_A_SESSION = 9
COMMENTS = (
    "I could watch this all day",
    "How did you make this?",
    "The last second gets me every time",
    "Sound on!",
    "More of this please",
    "My screen has never looked better",
    "This is exactly what I needed today",
    "Wait, there is no camera in this?",
    "Watched it four times in a row",
    "Sent it to my maths teacher",
    "Please do a longer one",
    "Okay, now I want to learn how",
    "Hypnotic",
    "The colours!",
    "Found my new wallpaper",
    "Why is this so calming",
)


@dataclass(frozen=True, slots=True)
class Published:
    """A demo clip that is in the system."""

    video_id: str
    theme: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class ViewerWeek:
    """What one viewer did: records for `POST /v1/interactions`, oldest first, and comments as (video, text)."""

    handle: str
    interactions: tuple[dict[str, Any], ...]
    comments: tuple[tuple[str, str], ...]


def viewer_weeks(clips: Sequence[Published], now_ms: int) -> list[ViewerWeek]:
    """A week of plausible viewing of `clips` up to `now_ms`; the same for the same arguments."""
    return [_viewer_week(random.Random(SEED + number), number, clips, now_ms) for number in range(len(VIEWERS))]  # noqa: S311


def _viewer_week(chance: random.Random, number: int, clips: Sequence[Published], now_ms: int) -> ViewerWeek:
    favourite = THEMES[number % len(THEMES)]
    acts: list[dict[str, Any]] = []
    comments: list[tuple[str, str]] = []
    starts = sorted(now_ms - chance.randrange(60_000, 7 * DAY_MS) for _ in range(SESSIONS_EACH))
    for session, at_ms in enumerate(starts):
        for position, clip in enumerate(chance.sample(list(clips), min(CLIPS_A_SESSION, len(clips)))):
            taken = _watch(chance, clip, clip.theme == favourite, at_ms, f"demo-{number}-{session}", position)
            acts += taken
            at_ms += int(taken[0]["watch_ms"]) + chance.randrange(300, 2500)
            if clip.theme == favourite and chance.random() < 0.2:
                comments.append((clip.video_id, COMMENTS[(5 * number + session) % len(COMMENTS)]))
    return ViewerWeek(VIEWERS[number], tuple(acts), tuple(comments))


def _watch(
    chance: random.Random, clip: Published, fits: bool, at_ms: int, feed_id: str, position: int
) -> list[dict[str, Any]]:
    ratio = min(1.0, max(0.03, chance.gauss(0.92 if fits else 0.3, 0.25)))
    watch_ms = int(clip.duration_ms * ratio)
    acts = [_act("view" if ratio > 0.25 else "skip", clip, watch_ms, at_ms + watch_ms, feed_id, position)]
    for kind, likely in (("like", 0.35 if fits else 0.03), ("share", 0.05 if fits else 0.005)):
        if chance.random() < likely:
            acts.append(_act(kind, clip, 0, at_ms + watch_ms, feed_id, position))
    return acts


def _act(kind: str, clip: Published, watch_ms: int, at_ms: int, feed_id: str, position: int) -> dict[str, Any]:
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "event_id": f"{feed_id}-{position}-{kind}",
        "type": kind,
        "video_id": clip.video_id,
        "watch_ms": watch_ms,
        "at": at,
        "feed_id": feed_id,
        "position": position,
    }
