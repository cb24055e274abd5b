"""What nobody will end: old multiparts, and pieces of multiparts that have ended. Shell; `abilities.Sweeps`.

Servers need not honour a lifecycle rule for multiparts, and none knows of our pieces.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from origin.objects.abilities import Swept
from origin.objects.base import NoSuchObject
from origin.objects.s3_client import PAGE, S3Client
from origin.objects.s3_objects import delete_below, page
from origin.objects.s3_parts import PRIVATE, folder_of


def sweep(client: S3Client, before_ms: int, limit: int) -> Swept:
    """See `abilities.Sweeps`. Blocks; memory grows by one short name for each multipart that lives."""
    live: set[str] = set()
    aborted = 0
    for entry in _multiparts(client):
        folder = folder_of(entry["UploadId"])
        if entry["Initiated"].timestamp() * 1000 >= before_ms or aborted == limit:
            live.add(folder)
            continue
        with contextlib.suppress(NoSuchObject):
            client.do("abort_multipart_upload", Key=entry["Key"], UploadId=entry["UploadId"])
        delete_below(client, folder)
        aborted += 1
    orphans = 0
    for folder in _folders(client):
        if aborted + orphans == limit:
            break
        if folder not in live and _is_old(client, folder, before_ms):
            delete_below(client, folder)
            orphans += 1
    return Swept(aborted, orphans)


def _multiparts(client: S3Client) -> Iterator[dict[str, Any]]:
    markers: dict[str, str] = {}
    while True:
        answer = client.do("list_multipart_uploads", MaxUploads=PAGE, **markers)
        yield from answer.get("Uploads", ())
        if not answer.get("IsTruncated"):
            return
        markers = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}


def _folders(client: S3Client) -> Iterator[str]:
    """The folders of pieces. Each is asked for by the one before, so deleting on the way does no harm."""
    after = PRIVATE
    while entries := page(client, PRIVATE, after, most=1):
        folder = entries[0]["Key"].rpartition("/")[0] + "/"
        yield folder
        # `0` is the character behind `/`.
        after = folder[:-1] + "0"


def _is_old(client: S3Client, folder: str, before_ms: int) -> bool:
    """No piece is younger: its multipart was begun before the listing of multiparts, so it has ended."""
    return all(e["LastModified"].timestamp() * 1000 < before_ms for e in page(client, folder, ""))
