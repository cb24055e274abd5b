"""The bytes of an upload that has been joined: are they a clip, and what their digest says?

Of an upload that came through a gateway its first bytes were seen there; of one that went straight to the store, or
that was put together, nobody has seen the whole.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib

from origin import clips
from origin.model import Upload, UploadKind
from origin.objects.base import Objects
from origin.refusals import NotAClip, WrongDigest

_UNSEEN = (UploadKind.FINAL, UploadKind.DIRECT)


async def verify(objects: Objects, upload: Upload, digest: str) -> None:
    """`digest` is what the client said last, if it did (as in UploadTerms). Raises NotAClip, WrongDigest,
    ObjectStoreError."""
    if upload.terms.kind in _UNSEEN and not await _begins_as_clip(objects, upload.object_key):
        raise NotAClip("The bytes are no MP4 or QuickTime clip: they do not begin with an ftyp box.")
    for said in {upload.terms.digest, digest} - {""}:
        algorithm, _, expected = said.partition(" ")
        if await _digest(objects, upload.object_key, algorithm) != base64.b64decode(expected):
            raise WrongDigest(f"The bytes do not have the {algorithm} digest that was sent.")


async def _begins_as_clip(objects: Objects, key: str) -> bool:
    first = b"".join([block async for block in objects.get(key, 0, clips.LEAST_BYTES)])
    return len(first) == clips.LEAST_BYTES and clips.first_bytes_fit(0, first)


async def _digest(objects: Objects, key: str, algorithm: str) -> bytes:
    digest = hashlib.new(algorithm.replace("-", ""), usedforsecurity=False)
    async for block in objects.get(key):
        await asyncio.to_thread(digest.update, block)
    return digest.digest()
