"""What a key and a multipart id may look like. Rules file."""

from __future__ import annotations

import base64
import binascii
import re

from origin.objects.base import InvalidKey, NoSuchObject

MAX_KEY_BYTES = 512
MAX_SEGMENT_BYTES = 200
"""Below the 255 bytes that common file systems allow for one name."""
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)


def check_key(key: str) -> str:
    """Return the key; raises InvalidKey with the rule that it breaks."""
    if not 0 < len(key) <= MAX_KEY_BYTES:
        raise InvalidKey(f"a key has 1 to {MAX_KEY_BYTES} bytes, this one {len(key)}: {key[:64]!r}")
    for segment in key.split("/"):
        if segment in {".", ".."} or not _SEGMENT.fullmatch(segment):
            raise InvalidKey(f"the key {key[:128]!r} has the segment {segment[:64]!r}, which is not [A-Za-z0-9._-]+")
        if len(segment) > MAX_SEGMENT_BYTES:
            raise InvalidKey(f"the key {key[:128]!r} has a segment of more than {MAX_SEGMENT_BYTES} bytes")
    return key


def check_folder(prefix: str) -> str:
    """Return the prefix of a whole folder, which ends with `/`; raises InvalidKey."""
    if not prefix.endswith("/"):
        raise InvalidKey(f"the prefix {prefix[:128]!r} does not end with '/'")
    check_key(prefix[:-1])
    return prefix


def check_prefix(prefix: str) -> str:
    """Return the prefix of a listing (it may end within a segment, or be empty); raises InvalidKey."""
    if prefix:
        check_key(prefix + "x" if prefix.endswith("/") else prefix)
    return prefix


def multipart_id(token: str, key: str) -> str:
    """An id that carries its key, so that a completed multipart still knows its object."""
    return f"{token}.{base64.urlsafe_b64encode(key.encode()).decode().rstrip('=')}"


def split_multipart_id(identifier: str) -> tuple[str, str]:
    """(token, key) of a multipart id; raises NoSuchObject for what is not one."""
    token, _, encoded = identifier.partition(".")
    try:
        key = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
        check_key(key)
    except (binascii.Error, ValueError, InvalidKey) as error:
        raise NoSuchObject(f"{identifier[:64]!r} is not a multipart id") from error
    if not _TOKEN.fullmatch(token):
        raise NoSuchObject(f"{identifier[:64]!r} is not a multipart id")
    return token, key
