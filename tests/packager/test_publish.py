"""What is stored of a revision that two packagers make at once, on the real object store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from origin.model import Publication
from origin.objects import Objects, open_objects
from packager.package import Package
from packager.publish import upload

FIRST = {"hls.m3u8": b"one rung", "dash.mpd": b"one rung too"}
WHOLE = {"hls.m3u8": b"four rungs", "dash.mpd": b"four rungs too"}


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[Objects]:
    opened = open_objects(f"file://{tmp_path}/objects")
    yield opened
    await opened.close()


def packaged(folder: Path, files: Mapping[str, bytes], *, complete: bool) -> Package:
    folder.mkdir()
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return Package(complete, folder, (), tuple(files), ("v540",), (), 1000, 540, 960, "")


async def stored(objects: Objects, publication: Publication) -> dict[str, bytes]:
    return {name: b"".join([block async for block in objects.get(key)]) for name, key in publication.files.items()}


async def test_a_packager_that_loses_the_race_for_a_revision_overwrites_nothing_of_who_won(
    objects: Objects, tmp_path: Path
) -> None:
    won = await upload(objects, 1, packaged(tmp_path / "won", WHOLE, complete=True), 2)
    lost = await upload(objects, 1, packaged(tmp_path / "lost", FIRST, complete=False), 2)
    assert await stored(objects, won) == WHOLE
    assert await stored(objects, lost) == FIRST


async def test_files_that_only_changed_places_are_another_publication(objects: Objects, tmp_path: Path) -> None:
    swapped = dict(zip(WHOLE, reversed(WHOLE.values()), strict=True))
    one = await upload(objects, 1, packaged(tmp_path / "one", WHOLE, complete=True), 2)
    two = await upload(objects, 1, packaged(tmp_path / "two", swapped, complete=True), 2)
    assert (await stored(objects, one), await stored(objects, two)) == (WHOLE, swapped)


async def test_a_start_over_stores_the_same_publication_under_the_same_names(objects: Objects, tmp_path: Path) -> None:
    one = await upload(objects, 1, packaged(tmp_path / "one", WHOLE, complete=True), 2)
    again = await upload(objects, 1, packaged(tmp_path / "again", WHOLE, complete=True), 2)
    assert one == again
    assert len([info async for info in objects.list("v/1/")]) == len(WHOLE)


async def test_everything_of_a_revision_goes_with_its_folder(objects: Objects, tmp_path: Path) -> None:
    for number, files in enumerate((FIRST, WHOLE)):
        await upload(objects, 1, packaged(tmp_path / str(number), files, complete=False), 2)
    await objects.delete_prefix("v/1/r2/")
    assert [info async for info in objects.list("v/1/")] == []
