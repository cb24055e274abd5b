"""Listings, look-ups and bulk deletion of a bucket, as blocking functions for one of the client's threads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from origin.objects.base import ObjectInfo, StoreUnavailable
from origin.objects.s3_client import PAGE, S3Client


def bare(etag: str) -> str:
    """An etag without its quotes."""
    return etag.strip('"')


def info_of(key: str, head: Mapping[str, Any]) -> ObjectInfo:
    """From the answer to a HEAD or a GET of the whole."""
    return ObjectInfo(key, head["ContentLength"], bare(head["ETag"]), _ms(head["LastModified"]))


def info_of_entry(entry: Mapping[str, Any]) -> ObjectInfo:
    """From an entry of a listing."""
    return ObjectInfo(entry["Key"], entry["Size"], bare(entry["ETag"]), _ms(entry["LastModified"]))


def _ms(moment: Any) -> int:
    # A listing has fractions where a HEAD has none; both tell the same.
    return int(moment.timestamp()) * 1000


def page(client: S3Client, prefix: str, after: str, most: int = PAGE) -> list[dict[str, Any]]:
    """Entries of a listing behind the key `after`, in lexical order; empty at the end."""
    # By key and not by the server's token: the position holds while entries are deleted.
    answer = client.do("list_objects_v2", Prefix=prefix, StartAfter=after, MaxKeys=most)
    entries: list[dict[str, Any]] = answer.get("Contents", [])
    return entries


def listing(client: S3Client, prefix: str) -> Iterator[dict[str, Any]]:
    """All entries below a prefix."""
    after = ""
    while entries := page(client, prefix, after):
        yield from entries
        if len(entries) < PAGE:
            return
        after = entries[-1]["Key"]


def delete_below(client: S3Client, prefix: str) -> int:
    """Delete all objects below a prefix; returns how many."""
    count = 0
    after = ""
    while entries := page(client, prefix, after):
        after = entries[-1]["Key"]
        named = [{"Key": entry["Key"]} for entry in entries]
        answer = client.do("delete_objects", Delete={"Objects": named, "Quiet": True})
        if errors := answer.get("Errors"):
            first = errors[0]
            raise StoreUnavailable(
                f"{client.place}: {len(errors)} of {len(named)} objects below {prefix} were not deleted, first "
                f"{first.get('Key')}: {first.get('Code')} {first.get('Message')}"
            )
        count += len(named)
        if len(entries) < PAGE:
            break
    return count
