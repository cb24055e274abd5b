"""What is published of a video in H.264, as far as AV1 renditions are measured by it and put beside it. Shell."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from origin.model import Publication
from origin.objects.base import Objects
from packager.enhance.candidates import track_of
from packager.enhance.manifests import segments_of, sound_folder
from packager.enhance.quality import Sample
from packager.ladder import Rung
from packager.mux import DASH_NAME, HLS_NAME, INIT_NAME, PLAYLIST_NAME
from packager.plan import EncodePlan
from packager.sound import AUDIO_FILE

MOST_BYTES = 64 * 1024 * 1024
"""Of one published file that is read into memory; the largest are segments of a few megabytes."""


class Unsuited(Exception):
    """A video to which nothing can be added, for good: says why."""


@dataclass(frozen=True, slots=True)
class PublishedSamples:
    files: tuple[str, ...]
    """In the working folder, each with its init segment in front."""
    size_bytes: int
    """Of the segments alone."""


@dataclass(frozen=True, slots=True)
class Published:
    """`folders` and `segments` are by track, as `v540`."""

    objects: Objects
    root: str
    hls: str
    dash: str
    folders: Mapping[str, str]
    segments: Mapping[str, tuple[str, ...]]

    async def samples(self, rung: Rung, samples: Sequence[Sample], work: Path) -> PublishedSamples:
        """Bring a rung's sample segments into the working folder."""
        folder = self.folders[rung.name]
        init = await _read(self.objects, f"{self.root}/{folder}/{INIT_NAME}")
        files, size = [], 0
        for sample in samples:
            name = self.segments[rung.name][sample.segment]
            body = await _read(self.objects, f"{self.root}/{folder}/{name}")
            files.append(f"{rung.name}.{sample.segment}.mp4")
            await asyncio.to_thread((work / files[-1]).write_bytes, init + body)
            size += len(body)
        return PublishedSamples(tuple(files), size)

    async def sound(self, work: Path) -> str | None:
        """Bring the whole sound into the working folder; None for a silent clip."""
        folder = sound_folder(self.hls)
        if folder is None:
            return None
        names = segments_of((await _read(self.objects, f"{self.root}/{folder}/{PLAYLIST_NAME}")).decode())
        parts = [
            await _read(self.objects, f"{self.root}/{folder}/{name}")
            for name in (INIT_NAME, *(name for name, _ in names))
        ]
        await asyncio.to_thread((work / AUDIO_FILE).write_bytes, b"".join(parts))
        return AUDIO_FILE


async def read_published(objects: Objects, video_id: int, publication: Publication, plan: EncodePlan) -> Published:
    """Raises Unsuited where the ladder or the segments are not those of `plan`, as after a change of the settings."""
    root = f"v/{video_id}"
    folders = {track_of(folder): folder for folder in publication.renditions}
    if set(folders) != {rung.name for rung in plan.ladder.rungs}:
        raise Unsuited(f"published are {sorted(folders)}, planned {sorted(rung.name for rung in plan.ladder.rungs)}")
    segments = {}
    for track, folder in folders.items():
        found = segments_of((await _read(objects, f"{root}/{folder}/{PLAYLIST_NAME}")).decode())
        _compare(track, [seconds for _, seconds in found], plan)
        segments[track] = tuple(name for name, _ in found)
    hls, dash = [(await _read(objects, publication.files[name])).decode() for name in (HLS_NAME, DASH_NAME)]
    return Published(objects, root, hls, dash, folders, segments)


def _compare(track: str, published: Sequence[float], plan: EncodePlan) -> None:
    times = (*plan.cut_times, plan.duration_s)
    planned = [float(end - begin) for begin, end in pairwise(times)]
    frame_s = float(1 / plan.ladder.frame_rate)
    if len(published) != len(planned) or any(
        abs(one - other) >= frame_s / 2 for one, other in zip(published, planned, strict=True)
    ):
        raise Unsuited(f"the segments of {track} do not begin where they are planned to")


async def _read(objects: Objects, key: str) -> bytes:
    return b"".join([block async for block in objects.get(key, 0, MOST_BYTES)])
