"""Videos that are ready, on the real metadata and object stores, and an enhancer that looks at them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from origin.enhancing import Enhancements
from origin.metadata import Metadata, open_metadata
from origin.model import CountKind, Publication, Video, VideoStatus, Visibility
from origin.objects import Objects, open_objects
from packager.enhance.worker import Enhancer
from packager.idle import Idle
from packager.package import Package
from packager.publish import upload
from packager.settings import EnhancementSettings, PackagerSettings
from tests.batches import a_batch
from tests.packager.packages import Result

HEAT = 100


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Gallery:
    metadata: Metadata
    objects: Objects
    folder: Path
    packaging: PackagerSettings
    idle: Idle
    batches: int = 0

    def enhancer(self, **settings: object) -> Enhancer:
        """Of a packager that finds videos with HEAT hot, whatever AV1 gains."""
        # As nice as other children of tests: what gets only what is left takes minutes beside other tests.
        ours = EnhancementSettings(from_heat=HEAT, least_gain=-1.0, niceness=self.packaging.niceness)
        wanted = replace(ours, **settings)  # type: ignore[arg-type]
        catalog = Enhancements(self.metadata, self.objects, now_ms)
        return Enhancer(wanted, self.packaging, self.objects, catalog, self.idle, self.folder / "enhancer")

    async def show(self, video_id: int, package: Package, clip: Path, heat: int = HEAT) -> Video:
        """As it is when its packaging has ended, and it was viewed so often."""
        raw = f"raw/{video_id}"
        await self.objects.put(raw, await asyncio.to_thread(clip.read_bytes))
        video = Video(video_id, 7, "", VideoStatus.PROCESSING, Visibility.PUBLIC, now_ms(), raw_key=raw)
        await self.metadata.create_video(video)
        publication = await upload(self.objects, video_id, package, 1)
        ready = VideoStatus.READY
        assert await self.metadata.publish(video_id, publication, ready, now_ms(), {VideoStatus.PROCESSING})
        before, self.batches = str(self.batches) if self.batches else "", self.batches + 1
        views = a_batch(str(self.batches), {(video_id, CountKind.VIEWS): heat}, after=before)
        await self.metadata.apply_counts(views, now_ms())
        return await self.metadata.video(video_id)

    async def stored(self, video_id: int) -> dict[str, bytes]:
        """Every object of a video, by its key."""
        keys = [info.key async for info in self.objects.list(f"v/{video_id}/")]
        return {key: await self.read(key) for key in keys}

    async def read(self, key: str) -> bytes:
        return b"".join([block async for block in self.objects.get(key)])

    async def out(self, video_id: int, publication: Publication, target: Path) -> Path:
        """What a viewer is served, as files."""
        names = {key.removeprefix(f"v/{video_id}/"): key for key in await self.stored(video_id)}
        wanted = {name: key for name, key in names.items() if not name.startswith("r")} | dict(publication.files)
        for name, key in wanted.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(await self.read(key))
        return target


@asynccontextmanager
async def a_gallery(folder: Path, packaging: PackagerSettings) -> AsyncIterator[Gallery]:
    metadata, objects = open_metadata(f"sqlite:///{folder}/metadata.db"), open_objects(f"file://{folder}/objects")
    yield Gallery(metadata, objects, folder, packaging, Idle(settled_s=0))
    await objects.close()
    await metadata.close()


async def enhanced(result: Result, clip: Path, folder: Path, packaging: PackagerSettings) -> Result:
    """The same package with AV1 renditions, as it is served."""
    async with a_gallery(folder, packaging) as gallery:
        await gallery.show(1, result.package, clip)
        await gallery.enhancer().look()
        publication = (await gallery.metadata.video(1)).publication
        assert publication is not None
        assert publication.revision == 2
        out = await gallery.out(1, publication, folder / "out")
    added = publication.renditions[len(result.package.renditions) :]
    package = replace(
        result.package,
        folder=out,
        immutable=(*result.package.immutable, *added),
        renditions=publication.renditions,
    )
    rungs = (*result.case.rungs, *(f"{rung}av1" for rung in result.case.rungs))
    case = replace(result.case, rungs=rungs)
    return replace(result, case=case, packaged=replace(result.packaged, package=package), out=out)
