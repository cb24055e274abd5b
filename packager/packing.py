"""From encoded tracks to a folder of published media. Shell around `mux` and `growth`.

`out` is what a viewer may be served from: a rendition's files appear there whole (renamed into place) under a folder
named by what went in, and the manifests that name them are replaced after them.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packager.children import Children
from packager.encode import time_scale
from packager.fragments import whole_fragments, with_duration
from packager.growth import growing_master, growing_media, playlist_name
from packager.hls import target_duration, with_target_duration
from packager.ladder import FIRST_SHORT_SIDE, Rung
from packager.mpd import with_video_role
from packager.mux import (
    AUDIO_TRACK,
    DASH_NAME,
    FIRST_SEGMENT,
    HLS_NAME,
    IFRAME_NAME,
    INIT_NAME,
    PLAYLIST_NAME,
    Track,
    folder_name,
    packager_argv,
)
from packager.package import Package, Startup
from packager.pictures import Poster
from packager.plan import EncodePlan, video_file
from packager.sound import AUDIO_FILE

POSTER_NAME = "poster.jpg"
GROWING_FILE = "growing.mp4"


@dataclass(slots=True)
class Packing:
    plan: EncodePlan
    shaka_packager: str
    language: str
    children: Children
    work: Path
    out: Path
    tracks: list[tuple[Rung | None, Track]] = field(default_factory=list)
    """In the order of their publication, the sound behind the first."""
    grown: int = 0
    """Segments of the latest growing publication; 0 when there was none."""

    async def add_first(self) -> None:
        """Name the first rung, and the sound, which must be whole by now. May be repeated."""
        if self.tracks:
            return
        rung = self.plan.ladder.first
        file = self.work / video_file(rung)
        # By its beginning, because it is named before it is whole; other settings or programs begin it otherwise.
        digest = await asyncio.to_thread(_first_fragment_digest, file)
        self.tracks.append((rung, Track(video_file(rung), folder_name(rung.name, digest), video=True)))
        if self.plan.audio is not None:
            digest = await asyncio.to_thread(sha256_of, self.work / AUDIO_FILE)
            self.tracks.append((None, Track(AUDIO_FILE, folder_name(AUDIO_TRACK, digest), video=False)))

    async def add_rest(self) -> None:
        for rung in self.plan.ladder.rest:
            digest = await asyncio.to_thread(sha256_of, self.work / video_file(rung))
            self.tracks.append((rung, Track(video_file(rung), folder_name(rung.name, digest), video=True)))

    async def pack(self) -> Path:
        """Pack all tracks into a new folder, which `install` brings to the viewers."""
        packed = await asyncio.to_thread(fresh_folder, self.work / "packed")
        opening = self._opening
        await self._shaka([opening, *(track for _, track in self.tracks if track != opening)], packed)
        await asyncio.to_thread(complete_mpd, packed / DASH_NAME)
        if not self.plan.remuxed:
            await asyncio.to_thread(self._add_ended_playlists, packed)
        return packed

    async def pack_growing(self, ends: Sequence[int]) -> Path:
        """Pack the fragments of the first rung that end at these offsets, and the sound as far."""
        packed = await asyncio.to_thread(fresh_folder, self.work / "packed-growing")
        growing = self.work / video_file(self.plan.ladder.first)
        await asyncio.to_thread(_copy_head, growing, ends[-1], self.work / GROWING_FILE)
        tracks = [replace(track, file=GROWING_FILE) if track.video else track for _, track in self.tracks]
        await self._shaka(tracks, packed)
        await asyncio.to_thread(self._make_growing, packed, len(ends))
        self.grown = len(ends)
        return packed

    async def install(self, packed: Path, poster: Poster, *, complete: bool) -> Package:
        immutable, mutable = await asyncio.to_thread(_install, packed, self.out)
        by_size = sorted(
            ((rung.short_side, track.folder) for rung, track in self.tracks if rung is not None), reverse=True
        )
        wanted = [self._opening.folder, *(track.folder for rung, track in self.tracks if rung is None)]
        names = [f"{folder}/{name}" for folder in wanted for name in (INIT_NAME, FIRST_SEGMENT)]
        return Package(
            complete=complete,
            folder=self.out,
            immutable=immutable,
            mutable=mutable,
            renditions=tuple(folder for _, folder in by_size),
            startup=tuple(Startup(name, (self.out / name).stat().st_size) for name in names),
            duration_ms=round(self.plan.duration_s * 1000),
            width=self.plan.video.width,
            height=self.plan.video.height,
            thumbhash=poster.thumbhash,
        )

    @property
    def _opening(self) -> Track:
        """What players begin with: the highest rung of those that are quick to come, a remuxed one only for want of
        them."""
        rungs = {rung: track for rung, track in self.tracks if rung is not None}
        quick = [rung for rung in rungs if rung.short_side <= FIRST_SHORT_SIDE]
        rung = max(quick, key=lambda rung: rung.short_side) if quick else min(rungs, key=lambda rung: rung.short_side)
        return rungs[rung]

    async def _shaka(self, tracks: Sequence[Track], packed: Path) -> None:
        argv = packager_argv(self.shaka_packager, tracks, packed.name, self.language)
        await self.children.run(argv, float(self.plan.duration_s))
        await asyncio.to_thread(agree_on_target, [packed / track.folder for track in tracks])

    def _make_growing(self, packed: Path, segments: int) -> None:
        """Turn Shaka's whole presentation of a part into the growing beginning of the whole one."""
        folders = [track.folder for _, track in self.tracks]
        for rung, track in self.tracks:
            folder = packed / track.folder
            text = (folder / PLAYLIST_NAME).read_text(encoding="utf-8")
            growing = growing_media(text, track.folder, segments, ended=False)
            (packed / playlist_name(track.folder)).write_text(growing, encoding="utf-8")
            for name in (PLAYLIST_NAME, IFRAME_NAME):
                (folder / name).unlink(missing_ok=True)
            if rung is not None:
                init = folder / INIT_NAME
                ticks = int(self.plan.duration_s * time_scale(self.plan.ladder.frame_rate))
                init.write_bytes(with_duration(init.read_bytes(), ticks))
        master = packed / HLS_NAME
        master.write_text(growing_master(master.read_text(encoding="utf-8"), folders), encoding="utf-8")
        # A growing MPD would need a clock that all players share.
        (packed / DASH_NAME).unlink()

    def _add_ended_playlists(self, packed: Path) -> None:
        """For the players that began with the growing ones, which an earlier start of the job may have published."""
        for rung, track in self.tracks:
            if rung in {None, self.plan.ladder.first}:
                text = (packed / track.folder / PLAYLIST_NAME).read_text(encoding="utf-8")
                ended = growing_media(text, track.folder, 0, ended=True)
                (packed / playlist_name(track.folder)).write_text(ended, encoding="utf-8")


def sha256_of(path: Path) -> bytes:
    """Blocking."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _first_fragment_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(whole_fragments(path)[0])).digest()


def _copy_head(source: Path, size: int, target: Path) -> None:
    with source.open("rb") as file:
        target.write_bytes(file.read(size))


def agree_on_target(folders: Sequence[Path]) -> None:
    texts = {
        folder / name: (folder / name).read_text(encoding="utf-8")
        for folder in folders
        for name in (PLAYLIST_NAME, IFRAME_NAME)
        if (folder / name).exists()
    }
    target = target_duration(text for path, text in texts.items() if path.name == PLAYLIST_NAME)
    for path, text in texts.items():
        path.write_text(with_target_duration(text, target), encoding="utf-8")


def complete_mpd(path: Path) -> None:
    path.write_text(with_video_role(path.read_text(encoding="utf-8")), encoding="utf-8")


def fresh_folder(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def _install(packed: Path, out: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Move folders' files into place first, then the files that name them. What is there has the same content."""
    entries = sorted(packed.iterdir())
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    for folder in folders:
        (out / folder.name).mkdir(exist_ok=True)
        for file in folder.iterdir():
            if not (out / folder.name / file.name).exists():
                file.rename(out / folder.name / file.name)
    for file in files:
        file.replace(out / file.name)
    return tuple(folder.name for folder in folders), tuple(file.name for file in files)
