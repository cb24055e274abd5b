"""The one form of a request path: the string that is verified is the string that is looked up.

Rules only. A signed prefix protects nothing if the verifier and the cache read a path differently, so a path
is decoded exactly once here and everything that two readers could take for different things is refused
instead of repaired: dot segments, empty segments, encoded slashes, backslashes, control characters, bytes
that are not UTF-8 (RFC 3986 sections 2.4 and 6.2.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

PathProblem = Literal[
    "not_absolute",
    "too_long",
    "bad_percent_encoding",
    "encoded_slash",
    "backslash",
    "control_character",
    "not_utf8",
    "dot_segment",
    "empty_segment",
]

MAX_PATH_BYTES = 2048

_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")


@dataclass(frozen=True, slots=True)
class CanonicalPath:
    """A decoded absolute path: non-empty segments, none of them `.` or `..`, no control character, no
    backslash.
    """

    text: str


@dataclass(frozen=True, slots=True)
class BadPath:
    """Why a path has no canonical form."""

    problem: PathProblem


def canonicalise(raw_path: bytes) -> CanonicalPath | BadPath:
    """Decode a request path (without its query) as it came on the wire, once, or say why it cannot be read in
    one way.
    """
    if len(raw_path) > MAX_PATH_BYTES:
        return BadPath("too_long")
    if _PLAIN.fullmatch(raw_path):
        return CanonicalPath(raw_path.decode("ascii"))
    if not raw_path.startswith(b"/"):
        return BadPath("not_absolute")
    decoded = _decoded(raw_path)
    if isinstance(decoded, BadPath):
        return decoded
    problem = _problem(decoded)
    return BadPath(problem) if problem else CanonicalPath(decoded)


def _decoded(raw_path: bytes) -> str | BadPath:
    for match in _PERCENT.finditer(raw_path):
        digits = match.group(1)
        if digits is None:
            return BadPath("bad_percent_encoding")
        if digits.upper() == b"2F":
            return BadPath("encoded_slash")
    plain = _PERCENT.sub(lambda match: bytes([int(match.group(1), 16)]), raw_path)
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return BadPath("not_utf8")


def _problem(path: str) -> PathProblem | None:
    if "\\" in path:
        return "backslash"
    if any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in path):
        return "control_character"
    segments = path.split("/")[1:]
    if "" in segments:
        return "empty_segment"
    if "." in segments or ".." in segments:
        return "dot_segment"
    return None
