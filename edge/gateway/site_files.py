"""The web app's files, read and compressed once at start: they are few, small, and the same for everyone."""

from __future__ import annotations

import gzip
import hashlib
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import brotli

MOST_FILE_BYTES = 4 << 20
MOST_FILES = 1000
_COMPRESS_FROM_BYTES = 512
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_TEXT = frozenset({".js", ".mjs", ".css", ".html", ".webmanifest", ".svg", ".json", ".txt"})


class BrokenSite(Exception):
    """The web app's folder cannot be served. Its text is meant for the operator."""


@dataclass(frozen=True, slots=True)
class SiteFile:
    body: bytes
    coded: Mapping[str, bytes]
    """Content coding → the body in it, the smallest first; empty where none is smaller than the body."""
    content_type: str
    etag: str
    """Of the body, without quotes; a coded form appends `-` and the coding."""


def load_site(folder: Path) -> dict[str, SiteFile]:
    """Public path → file: everything under `app/`, what `vendor.json` names, the page and the manifest.

    A vendored file that is not installed stops the start: the app would break in the viewer's hands.
    Blocking: for start-up. Raises BrokenSite.
    """
    paths = {f"/app/{path.relative_to(folder / 'app').as_posix()}": path for path in _files(folder / "app")}
    if len(paths) > MOST_FILES:
        raise BrokenSite(f"{folder} holds {len(paths)} files; at most {MOST_FILES} are kept in memory")
    for public, relative in _vendored(folder).items():
        paths[public] = folder / relative
    for public, name in (("/", "index.html"), ("/manifest.webmanifest", "manifest.webmanifest")):
        paths[public] = folder / name
    return {public: _read(path) for public, path in sorted(paths.items())}


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in (".ts", ".map")]


def _vendored(folder: Path) -> Mapping[str, str]:
    listing = folder / "vendor.json"
    if not listing.is_file():
        return {}
    try:
        document = json.loads(listing.read_text())
    except ValueError as error:
        raise BrokenSite(f"{listing} is not JSON: {error}") from error
    if not isinstance(document, dict) or not all(
        public.startswith("/vendor/") and isinstance(relative, str) and ".." not in relative
        for public, relative in document.items()
    ):
        raise BrokenSite(f"{listing} must map paths under /vendor/ to files in {folder}")
    return document


def _read(path: Path) -> SiteFile:
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise BrokenSite(f"{path} is larger than {MOST_FILE_BYTES} bytes")
        body = path.read_bytes()
    except OSError as error:
        why = f"{path} cannot be read ({error.strerror})"
        raise BrokenSite(f"{why}; are the packages of {path.name} installed?") from error
    guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return SiteFile(
        body=body,
        coded=_coded(body) if path.suffix in _TEXT and len(body) >= _COMPRESS_FROM_BYTES else {},
        content_type=_TYPES.get(path.suffix, guessed),
        etag=hashlib.sha256(body).hexdigest()[:20],
    )


def _coded(body: bytes) -> Mapping[str, bytes]:
    forms = {"br": brotli.compress(body, quality=9), "gzip": gzip.compress(body, 9, mtime=0)}
    return {coding: form for coding, form in forms.items() if len(form) < len(body)}
