"""What becomes of hot videos, on the real stores with real encoders, and what is never touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from origin.enhancing import Enhancements
from origin.metadata.base import MetadataUnavailable
from origin.model import Publication, Video, VideoStatus
from packager.enhance import worker
from packager.enhance.worker import Enhancer
from packager.package import Package
from packager.packing import POSTER_NAME
from packager.settings import PackagerSettings
from tests.packager.gallery import HEAT, Gallery, a_gallery, now_ms
from tests.packager.packages import PackageMaker

pytestmark = pytest.mark.slow
Clip = Callable[[str], Path]
Show = Callable[..., Awaitable[Video]]


@pytest.fixture
async def gallery(tmp_path: Path, settings: PackagerSettings) -> AsyncIterator[Gallery]:
    async with a_gallery(tmp_path, settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def silent(package: PackageMaker) -> Package:
    """Two and a half seconds in one rendition."""
    return package("silent").package


@pytest.fixture
def show(gallery: Gallery, silent: Package, clip: Clip) -> Show:
    async def shown(video_id: int, heat: int = HEAT) -> Video:
        return await gallery.show(video_id, silent, clip("silent"), heat)

    return shown


def renditions(video: Video) -> list[str]:
    assert video.publication is not None
    return [folder.partition("-")[0] for folder in video.publication.renditions]


def counted(enhancer: Enhancer) -> tuple[int, int, int, int]:
    stats = enhancer.stats
    assert stats.started == stats.done + stats.nothing_gained + stats.failed + stats.abandoned
    assert stats.running == 0
    return stats.done, stats.nothing_gained, stats.failed, stats.abandoned


async def test_a_hot_video_gets_av1_and_keeps_all_that_players_have_begun_with(gallery: Gallery, show: Show) -> None:
    before = await show(1)
    stored = await gallery.stored(1)
    enhancer = gallery.enhancer()
    await enhancer.look()
    after = await gallery.metadata.video(1)
    assert counted(enhancer) == (1, 0, 0, 0)
    assert renditions(after) == ["v360", "v360av1"]
    assert after == replace(before, publication=after.publication)
    assert {key: body for key, body in (await gallery.stored(1)).items() if key in stored} == stored
    assert before.publication is not None
    assert after.publication is not None
    kept = replace(
        after.publication,
        revision=1,
        renditions=before.publication.renditions,
        files={
            **after.publication.files,
            **{name: before.publication.files[name] for name in ("hls.m3u8", "dash.mpd")},
        },
    )
    assert kept == before.publication
    assert 0 < enhancer.stats.media_s == pytest.approx(2.5)
    assert not list((gallery.folder / "enhancer").iterdir())


async def test_a_video_is_enhanced_once(gallery: Gallery, show: Show) -> None:
    await show(1)
    enhancer = gallery.enhancer()
    await enhancer.look()
    await enhancer.look()
    assert counted(enhancer) == (1, 0, 0, 0)


async def test_the_hottest_comes_first_and_what_is_not_hot_enough_never(gallery: Gallery, show: Show) -> None:
    for video_id, heat in ((1, HEAT), (2, 3 * HEAT), (3, HEAT - 1)):
        await show(video_id, heat)
    enhancer = gallery.enhancer()
    order = []
    for _ in range(3):
        await enhancer.look()
        order.append(
            [video_id for video_id in (1, 2, 3) if len(renditions(await gallery.metadata.video(video_id))) > 1]
        )
    assert order == [[2], [1, 2], [1, 2]]


async def test_of_two_packagers_one_makes_the_renditions(gallery: Gallery, show: Show, tmp_path: Path) -> None:
    await show(1)
    other = replace(gallery, folder=tmp_path / "other")
    enhancers = [gallery.enhancer(), other.enhancer()]
    await asyncio.gather(*(enhancer.look() for enhancer in enhancers))
    assert sorted(enhancer.stats.started for enhancer in enhancers) == [0, 1]
    assert len(renditions(await gallery.metadata.video(1))) == 2


async def test_a_video_that_gains_too_little_is_left_as_it_is_and_alone_for_a_day(gallery: Gallery, show: Show) -> None:
    before = await show(1)
    enhancer = gallery.enhancer(least_gain=0.999)
    await enhancer.look()
    await enhancer.look()
    assert counted(enhancer) == (0, 1, 0, 0)
    assert await gallery.metadata.video(1) == before
    day_ms = 24 * 3_600_000
    assert not await gallery.metadata.claim_enhancement(1, "early", now_ms() + day_ms - 60_000, now_ms())
    assert await gallery.metadata.claim_enhancement(1, "late", now_ms() + day_ms, now_ms() + 2 * day_ms)


async def test_a_failure_is_counted_and_touches_neither_status_nor_publication(gallery: Gallery, show: Show) -> None:
    before = await show(1)
    stored = await gallery.stored(1)
    await gallery.objects.put("raw/1", b"no clip any more")
    enhancer = gallery.enhancer()
    await enhancer.look()
    await enhancer.look()
    assert counted(enhancer) == (0, 0, 1, 0)
    assert (await gallery.metadata.video(1), await gallery.stored(1)) == (before, stored)


async def test_renditions_of_other_settings_are_not_mixed_with_ours(gallery: Gallery, show: Show) -> None:
    before = await show(1)
    assert before.publication is not None
    other = replace(before.publication, revision=2, renditions=("v480-0123abcd",))
    assert await gallery.metadata.publish(1, other, VideoStatus.READY, now_ms(), {VideoStatus.READY})
    enhancer = gallery.enhancer()
    await enhancer.look()
    assert counted(enhancer) == (0, 0, 1, 0)
    assert (await gallery.metadata.video(1)).publication == other


async def running_child(enhancer: Enhancer) -> asyncio.Task[None]:
    """A look that has come as far as a child program's output."""
    looking = asyncio.create_task(enhancer.look())
    await until(lambda: enhancer.stats.cpu_s > 0, looking)  # the probe has ended
    return looking


async def until(reached: Callable[[], bool], looking: asyncio.Task[None]) -> None:
    while not reached():
        assert not looking.done()
        await asyncio.sleep(0.01)


async def test_an_upload_stops_the_encoder_which_begins_again_behind_it(gallery: Gallery, show: Show) -> None:
    await show(1)
    enhancer = gallery.enhancer()
    looking = await running_child(enhancer)
    while enhancer.stats.interrupted == 0:  # an upload that comes between two programs interrupts none
        with gallery.idle.upload():
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
    with gallery.idle.upload():
        spent = enhancer.stats.cpu_s
        with gallery.idle.upload():
            await asyncio.sleep(0)
        assert not looking.done()
        assert enhancer.stats.cpu_s == spent
    await looking
    assert counted(enhancer) == (1, 0, 0, 0)
    assert renditions(await gallery.metadata.video(1)) == ["v360", "v360av1"]


async def test_a_packager_that_stays_busy_leaves_the_video_to_others(gallery: Gallery, show: Show) -> None:
    await show(1)
    enhancer = gallery.enhancer(claim_ms=50)
    with gallery.idle.upload():
        await enhancer.look()
    assert counted(enhancer) == (0, 0, 0, 1)
    assert await gallery.metadata.claim_enhancement(1, "other", now_ms(), now_ms() + 1000)


async def test_a_packager_that_is_stopped_gives_the_video_back_and_leaves_no_files(
    gallery: Gallery, show: Show
) -> None:
    before = await show(1)
    looking = await running_child(gallery.enhancer())
    looking.cancel()
    await asyncio.wait({looking})
    assert not list((gallery.folder / "enhancer").iterdir())
    assert await gallery.metadata.video(1) == before
    enhancer = gallery.enhancer()
    await enhancer.look()
    assert counted(enhancer) == (1, 0, 0, 0)


async def test_a_video_that_is_deleted_meanwhile_leaves_nothing_behind(gallery: Gallery, show: Show) -> None:
    await show(1)
    enhancer = gallery.enhancer()
    looking = await running_child(enhancer)
    await gallery.metadata.transition(1, {VideoStatus.READY}, VideoStatus.DELETED)
    await looking
    assert counted(enhancer) == (0, 0, 0, 1)
    assert await gallery.stored(1) == {}


async def test_a_store_that_is_away_at_the_end_is_waited_for(
    gallery: Gallery, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    await show(1)
    monkeypatch.setattr(worker, "PUBLISH_PAUSES_S", (0.01, 0.01))
    faults = [MetadataUnavailable("away"), MetadataUnavailable("still away")]
    publish = Enhancements.publish

    async def published(catalog: Enhancements, video_id: int, publication: Publication) -> bool:
        if faults:
            raise faults.pop()
        return await publish(catalog, video_id, publication)

    monkeypatch.setattr(Enhancements, "publish", published)
    enhancer = gallery.enhancer()
    await enhancer.look()
    assert counted(enhancer) == (1, 0, 0, 0)


async def test_a_publication_that_came_meanwhile_is_not_overwritten(gallery: Gallery, show: Show) -> None:
    before = await show(1)
    enhancer = gallery.enhancer()
    looking = await running_child(enhancer)
    newer = newer_than(before.publication)
    assert await gallery.metadata.publish(1, newer, VideoStatus.READY, now_ms(), {VideoStatus.READY})
    await looking
    assert counted(enhancer) == (0, 0, 0, 1)
    assert (await gallery.metadata.video(1)).publication == newer


def newer_than(publication: Publication | None) -> Publication:
    assert publication is not None
    return replace(publication, revision=publication.revision + 1, files={POSTER_NAME: "v/1/other/poster.jpg"})
