"""Objects as files of one folder: the embedded backend of the object store.

Below the root: `objects/{key}`, `multipart/{token}/{number}`, and `scratch/` for files that nobody may see yet. A
file gets its name by a rename after its bytes are durable, and the folder is made durable before a call returns,
so a crash leaves the old or the new file. Since keys are paths, no key can be a folder of another key.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import IO

from origin.objects import durable
from origin.objects.base import NoSuchObject, ObjectInfo, Part, StoreUnavailable, TooManyParts
from origin.objects.incoming import Held, Incoming
from origin.objects.keys import check_folder, check_key, check_prefix, multipart_id, split_multipart_id
from origin.offloop import OffLoop

BLOCK_BYTES = 256 << 10
THREADS = 8
MOST_NUMBER = 999_999


class FileObjects:
    """`Objects` on a local file system; see the module's docstring for its layout."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._multipart = root / "multipart"
        try:
            for folder in (self._objects, self._multipart):
                durable.make_folder(folder)
            self._scratch = durable.Scratch(root / "scratch")
        except OSError as error:
            raise StoreUnavailable(f"the folder {root} cannot be used: {error.strerror}") from error
        self._off = OffLoop("objects", THREADS)
        self._held = Held()

    async def put(self, key: str, body: AsyncIterator[bytes] | bytes) -> ObjectInfo:
        target = self._objects / check_key(key)
        incoming = Incoming(self._off, self._scratch, self._held, f"object {key}")
        async with incoming:
            if isinstance(body, bytes):
                await incoming.write(body)
            else:
                async for chunk in body:
                    await incoming.write(chunk)
            etag = await incoming.keep(target)
        return ObjectInfo(key, incoming.size_bytes, etag, incoming.modified_at_ms)

    async def stat(self, key: str) -> ObjectInfo:
        return await self._off.run(self._stat, check_key(key))

    def _stat(self, key: str) -> ObjectInfo:
        with _missing(f"no object {key}"), durable.store_errors(f"looking up {key}"):
            return _info(key, _file(self._objects / key))

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        check_key(key)
        with contextlib.ExitStack() as opened:
            # In the thread, because whoever is cancelled while it opens never sees the file.
            file = await self._off.run(lambda: opened.enter_context(self._open(key)))
            place = start
            while end is None or place < end:
                size = BLOCK_BYTES if end is None else min(BLOCK_BYTES, end - place)
                block = await self._off.run(_read_at, file, size, place)
                if not block:
                    return
                place += len(block)
                yield block

    def _open(self, key: str) -> IO[bytes]:
        with _missing(f"no object {key}"), durable.store_errors(f"opening {key}"):
            return _file(self._objects / key).open("rb", buffering=0)

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._off.run(self._delete, key)

    def _delete(self, key: str) -> None:
        path = self._objects / key
        with durable.store_errors(f"deleting {key}"):
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return
            durable.sync_folder(path.parent)

    async def delete_prefix(self, prefix: str) -> int:
        check_folder(prefix)
        return await self._off.run(self._delete_folder, prefix)

    def _delete_folder(self, prefix: str) -> int:
        folder = self._objects / prefix
        with durable.store_errors(f"deleting {prefix}"):
            if not folder.is_dir():
                return 0
            count = sum(len(files) for _, _, files in os.walk(folder))
            self._scratch.discard(folder)
            durable.sync_folder(folder.parent)
        return count

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        check_prefix(prefix)
        folders = [""]
        while folders:
            folder = folders.pop()
            if not folder.endswith("/") and folder:
                with contextlib.suppress(NoSuchObject):
                    yield await self.stat(folder)
                continue
            names = await self._off.run(self._names, folder)
            wanted = [name for name in names if name.startswith(prefix) or prefix.startswith(name)]
            folders.extend(reversed([name for name in wanted if name.endswith("/") or name.startswith(prefix)]))

    def _names(self, folder: str) -> Sequence[str]:
        """Keys and, with a `/` behind, folders within a folder, in the lexical order of the keys."""
        try:
            with durable.store_errors(f"listing {folder}"), os.scandir(self._objects / folder) as entries:
                return sorted(folder + entry.name + "/" * entry.is_dir() for entry in entries)
        except StoreUnavailable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return ()
            raise

    async def create_multipart(self, key: str) -> str:
        check_key(key)
        token = self._scratch.path().name
        with durable.store_errors(f"a multipart of {key}"):
            await self._off.run(durable.make_folder, self._multipart / token)
        return multipart_id(token, key)

    async def put_part(self, multipart_id: str, number: int, body: AsyncIterator[bytes]) -> Part:
        token, key = split_multipart_id(multipart_id)
        target = self._multipart / token / _part_name(number)
        await self._off.run(_must_exist, target.parent, key)
        incoming = Incoming(self._off, self._scratch, self._held, f"part {number} of {key}")
        async with incoming:
            try:
                async for chunk in body:
                    await incoming.write(chunk)
            except BaseException:
                if incoming.size_bytes and not incoming.failed:
                    await asyncio.shield(incoming.keep(target, make_folder=False))
                raise
            with _missing(f"no multipart of {key}: completed or aborted meanwhile"):
                etag = await incoming.keep(target, make_folder=False)
        return Part(number, incoming.size_bytes, etag)

    async def list_parts(self, multipart_id: str) -> Sequence[Part]:
        token, key = split_multipart_id(multipart_id)
        return await self._off.run(self._list_parts, self._multipart / token, key)

    def _list_parts(self, folder: Path, key: str) -> Sequence[Part]:
        _must_exist(folder, key)
        with _missing(f"no multipart of {key}"), durable.store_errors(f"listing the parts of {key}"):
            paths = sorted(folder.iterdir())
            return [Part(int(path.name), path.stat().st_size, durable.read_etag(path)) for path in paths]

    async def complete(self, multipart_id: str, parts: Sequence[Part]) -> ObjectInfo:
        token, key = split_multipart_id(multipart_id)
        return await self._off.run(self._complete, self._multipart / token, key, parts)

    def _complete(self, folder: Path, key: str, parts: Sequence[Part]) -> ObjectInfo:
        if not folder.is_dir():
            return self._completed_before(key, parts)
        try:
            self._move_joined(folder, parts, key)
        except (StoreUnavailable, NoSuchObject):
            if folder.is_dir():
                raise
            # Another process completed or aborted it under our hands.
            return self._completed_before(key, parts)
        return self._stat(key)

    def _move_joined(self, folder: Path, parts: Sequence[Part], key: str) -> None:
        joined = self._scratch.path()
        with durable.store_errors(f"completing {key}"):
            try:
                self._join(folder, parts, joined, key)
                durable.move_into_place(joined, self._objects / key)
            finally:
                joined.unlink(missing_ok=True)
            self._scratch.discard(folder)
            durable.sync_folder(self._multipart)

    def _join(self, folder: Path, parts: Sequence[Part], joined: Path, key: str) -> None:
        paths = [folder / _part_name(part.number) for part in parts]
        for part, path in zip(parts, paths, strict=True):
            if not path.is_file() or path.stat().st_size != part.size_bytes:
                raise NoSuchObject(f"part {part.number} of {key} is not there with {part.size_bytes} bytes")
        if len(paths) == 1:
            # The bytes and their etag are durable already; a second name costs no copy.
            with contextlib.suppress(OSError):
                os.link(paths[0], joined)
                return
        durable.join(paths, joined)

    def _completed_before(self, key: str, parts: Sequence[Part]) -> ObjectInfo:
        info = self._stat(key)
        if info.size_bytes != sum(part.size_bytes for part in parts):
            raise NoSuchObject(f"no multipart of {key}, and the object there has another size")
        return info

    async def abort(self, multipart_id: str) -> None:
        token, key = split_multipart_id(multipart_id)
        with durable.store_errors(f"aborting the multipart of {key}"):
            await self._off.run(self._scratch.discard, self._multipart / token)

    async def local_path(self, key: str) -> str | None:
        await self.stat(key)
        return str(self._objects / key)

    async def check(self) -> None:
        await self._off.run(self._check)

    def _check(self) -> None:
        probe = self._scratch.path()
        try:
            with durable.store_errors(f"a file in {probe.parent}"):
                probe.touch()
        finally:
            probe.unlink(missing_ok=True)

    async def close(self) -> None:
        await self._off.close()
        self._scratch.close()


def _part_name(number: int) -> str:
    if number < 1:
        raise ValueError(f"part numbers run from 1, not {number}")
    if number > MOST_NUMBER:
        raise TooManyParts(f"part numbers run to {MOST_NUMBER}, not {number}")
    return f"{number:06}"


def _must_exist(folder: Path, key: str) -> None:
    if not folder.is_dir():
        raise NoSuchObject(f"no multipart of {key}: unknown, completed or aborted")


@contextlib.contextmanager
def _missing(sentence: str) -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise NoSuchObject(sentence) from error
        raise


def _file(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(str(path))
    return path


def _info(key: str, path: Path) -> ObjectInfo:
    status = path.stat()
    return ObjectInfo(key, status.st_size, durable.read_etag(path), status.st_mtime_ns // 1_000_000)


def _read_at(file: IO[bytes], size: int, place: int) -> bytes:
    with durable.store_errors("reading an object"):
        return os.pread(file.fileno(), size, place)
