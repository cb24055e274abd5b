"""Header fields of both upload protocols, parsed strictly. Rules file.

Sources: tus 1.0.0 (Upload-Metadata, Upload-Checksum), RFC 9651 (structured fields: booleans and integers).
Every parser raises BadField with the field's name and a sentence, whatever bytes it is given.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import unquote_to_bytes

_TUS_INTEGER = re.compile(r"[0-9]{1,15}")
_SF_INTEGER = re.compile(r"(-?[0-9]{1,15})(?: *;.*)?")
_SF_BOOLEAN = re.compile(r"\?([01])(?: *;.*)?")
_MOST_METADATA = 16


class BadField(ValueError):
    """A header field that does not parse."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


def whole_number(name: str, text: str) -> int:
    """A non-negative integer of tus."""
    if not _TUS_INTEGER.fullmatch(text):
        raise BadField(name, "a whole number of up to 15 digits is expected")
    return int(text)


def sf_integer(name: str, text: str) -> int:
    """A non-negative structured-field Integer; parameters are ignored."""
    match = _SF_INTEGER.fullmatch(text.strip(" "))
    if not match or int(match[1]) < 0:
        raise BadField(name, "a whole number is expected (RFC 9651 Integer)")
    return int(match[1])


def sf_boolean(name: str, text: str) -> bool:
    """A structured-field Boolean, `?0` or `?1`; parameters are ignored."""
    match = _SF_BOOLEAN.fullmatch(text.strip(" "))
    if not match:
        raise BadField(name, "?0 or ?1 is expected (RFC 9651 Boolean)")
    return match[1] == "1"


def upload_metadata(text: str) -> dict[str, bytes]:
    """`Upload-Metadata`: comma-separated pairs of a unique key and a Base64 value, which may be missing."""
    values: dict[str, bytes] = {}
    if not text.strip(" "):
        return values
    for pair in text.split(","):
        key, _, encoded = pair.strip(" ").partition(" ")
        if not key or not key.isascii() or not key.isprintable():
            raise BadField("Upload-Metadata", "a key must be a word of printable ASCII")
        if key in values:
            raise BadField("Upload-Metadata", f"the key {key[:32]} appears twice")
        values[key] = _base64("Upload-Metadata", encoded)
    if len(values) > _MOST_METADATA:
        raise BadField("Upload-Metadata", f"at most {_MOST_METADATA} keys are taken")
    return values


@dataclass(frozen=True, slots=True)
class Checksum:
    algorithm: str
    digest: bytes


DIGEST_BYTES = {"sha1": 20, "sha256": 32}


def upload_checksum(text: str) -> Checksum:
    """`Upload-Checksum`: an algorithm we announce, one space, and the digest in Base64."""
    algorithm, _, encoded = text.partition(" ")
    if algorithm not in DIGEST_BYTES:
        raise BadField("Upload-Checksum", f"the algorithm must be one of {', '.join(DIGEST_BYTES)}")
    digest = _base64("Upload-Checksum", encoded)
    if len(digest) != DIGEST_BYTES[algorithm]:
        raise BadField("Upload-Checksum", f"a {algorithm} digest has {DIGEST_BYTES[algorithm]} bytes")
    return Checksum(algorithm, digest)


def utf8(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadField(name, "the text is not UTF-8") from error


def percent_encoded(name: str, text: str) -> str:
    """Text that a header field carries as percent-encoded UTF-8, as JavaScript's `encodeURIComponent` makes it."""
    return utf8(name, unquote_to_bytes(text))


def http_date(epoch_ms: int) -> str:
    """IMF-fixdate (RFC 9110 section 5.6.7)."""
    return formatdate(epoch_ms // 1000, usegmt=True)


def _base64(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadField(name, "a value is not Base64") from error
