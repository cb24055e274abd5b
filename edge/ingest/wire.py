"""Header fields of both upload protocols, parsed strictly. Rules file.

Sources: tus 1.0.0 (Upload-Metadata, Upload-Checksum, Upload-Concat), RFC 9651 (structured fields: booleans and
integers), RFC 9530 (digest fields).
Every parser raises BadField with the field's name and a sentence, whatever bytes it is given.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import unquote_to_bytes, urlsplit

from origin.ids import parse_id

_TUS_INTEGER = re.compile(r"[0-9]{1,15}")
_SF_INTEGER = re.compile(r"(-?[0-9]{1,15})(?: *;.*)?")
_SF_BOOLEAN = re.compile(r"\?([01])(?: *;.*)?")
_MOST_METADATA = 16
_MOST_PARTIALS = 64


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
    field: str
    """The header field that said so."""


TUS_CHECKSUM = "Upload-Checksum"
DIGEST_BYTES = {"sha1": 20, "sha256": 32, "crc32c": 4}
"""Of tus, in the order of our preference."""
_RFC_DIGEST_BYTES = {"sha-512": 64, "sha-256": 32}
"""The active ones of RFC 9530's registry, the stronger first."""
_DIGEST_MEMBER = re.compile(r"([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):(?: *;.*)?")


def upload_checksum(text: str) -> Checksum:
    """`Upload-Checksum`: an algorithm we announce, one space, and the digest in Base64."""
    algorithm, _, encoded = text.partition(" ")
    if algorithm not in DIGEST_BYTES:
        raise BadField("Upload-Checksum", f"the algorithm must be one of {', '.join(DIGEST_BYTES)}")
    digest = _base64("Upload-Checksum", encoded)
    if len(digest) != DIGEST_BYTES[algorithm]:
        raise BadField("Upload-Checksum", f"a {algorithm} digest has {DIGEST_BYTES[algorithm]} bytes")
    return Checksum(algorithm, digest, TUS_CHECKSUM)


def content_digest(text: str) -> Checksum | None:
    """`Content-Digest`: the digest of this message's content. None when no algorithm is one of ours."""
    return _rfc_digest("Content-Digest", text)


def repr_digest(text: str) -> Checksum | None:
    """`Repr-Digest`: the digest of the whole upload. None when no algorithm is one of ours."""
    return _rfc_digest("Repr-Digest", text)


def _rfc_digest(name: str, text: str) -> Checksum | None:
    values: dict[str, str] = {}
    for member in text.split(","):
        match = _DIGEST_MEMBER.fullmatch(member.strip(" \t"))
        if not match:
            raise BadField(name, "a dictionary of digests like sha-256=:…: is expected (RFC 9530)")
        values[match[1]] = match[2]
    for algorithm, size_bytes in _RFC_DIGEST_BYTES.items():
        if algorithm in values:
            digest = _base64(name, values[algorithm])
            if len(digest) != size_bytes:
                raise BadField(name, f"a {algorithm} digest has {size_bytes} bytes")
            return Checksum(algorithm, digest, name)
    return None


def final_upload(text: str, prefix: str) -> tuple[int, ...]:
    """The uploads that `Upload-Concat: final;/v1/uploads/1 https://…/v1/uploads/2` names, in order."""
    form, _, names = text.partition(";")
    if form.strip() != "final" or not names.strip():
        raise BadField("Upload-Concat", "partial, or final; and the addresses of partial uploads, is expected")
    uploads = tuple(_upload_of(name, prefix) for name in names.split())
    if len(uploads) > _MOST_PARTIALS:
        raise BadField("Upload-Concat", f"at most {_MOST_PARTIALS} partial uploads are joined")
    return uploads


def _upload_of(address: str, prefix: str) -> int:
    folder, _, name = urlsplit(address).path.rpartition("/")
    if folder == prefix:
        with contextlib.suppress(ValueError):
            return parse_id(name)
    raise BadField("Upload-Concat", f"{address[:80]} is no upload of this server")


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
