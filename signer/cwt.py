"""The envelope of a token: a CBOR Web Token in COSE_Mac0 with HMAC-SHA256, as base64url text. Rules only.

    base64url-nopad( 61( 17( [ protected bstr, unprotected map, payload bstr, tag bstr ] ) ) )

Sources: RFC 8392 (CWT), RFC 9052 section 6.2 (COSE_Mac0, MAC_structure), RFC 9053 section 3.1 (alg 5), RFC
8949 section 4.2 (deterministic encoding), CTA-5007-B as summarised by its open implementations (4096 bytes at
most, no duplicate keys, no indefinite lengths).
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cbor2

MAX_TOKEN_BYTES = 4096
MAC_BYTES = 32

_ALG_HEADER, _KID_HEADER, _HMAC_SHA256 = 1, 4, 5
_MAC0 = b"\xd1"
_CWT_MAC0 = b"\xd8\x3d" + _MAC0
_MAX_DEPTH = 8


class MalformedToken(ValueError):
    """The text is not one COSE_Mac0 token in the one encoding that is accepted."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A token taken apart; nothing in it is to be believed before `authentic`."""

    kid: str
    protected: bytes
    payload: bytes
    mac: bytes


def seal(claims: Mapping[int, Any], kid: str, secret: bytes) -> str:
    """The token text for these claims: deterministic, so the same claims and key always give the same text."""
    protected = cbor2.dumps({_ALG_HEADER: _HMAC_SHA256, _KID_HEADER: kid.encode()}, canonical=True)
    payload = cbor2.dumps(claims, canonical=True)
    body = cbor2.dumps([protected, {}, payload, mac(secret, protected, payload)], canonical=True)
    return urlsafe_b64encode(_CWT_MAC0 + body).rstrip(b"=").decode("ascii")


def mac(secret: bytes, protected: bytes, payload: bytes) -> bytes:
    """HMAC-SHA256 over the MAC_structure of RFC 9052 section 6.3, with empty external data."""
    structure = cbor2.dumps(["MAC0", protected, b"", payload])
    return hmac.digest(secret, structure, "sha256")


def authentic(envelope: Envelope, secret: bytes) -> bool:
    """Whether the MAC was made with this secret, compared in constant time."""
    return hmac.compare_digest(mac(secret, envelope.protected, envelope.payload), envelope.mac)


def take_apart(text: str) -> Envelope:
    """Read the envelope. Raises MalformedToken; never any other exception, whatever the text."""
    data = _unbase64(text)
    prefix = _CWT_MAC0 if data.startswith(_CWT_MAC0) else _MAC0
    if not data.startswith(prefix):
        raise MalformedToken("not a COSE_Mac0")
    parts = strict_loads(data[len(prefix) :])
    match parts:
        case [bytes() as protected, dict() as unprotected, bytes() as payload, bytes() as tag]:
            pass
        case _:
            raise MalformedToken("not the four parts of a COSE_Mac0")
    if len(tag) != MAC_BYTES:
        raise MalformedToken("not a full HMAC-SHA256 tag")
    return Envelope(_kid(strict_loads(protected), unprotected), protected, payload, tag)


def strict_loads(data: bytes) -> Any:
    """Decode one CBOR item in a definite, shortest, duplicate-free encoding. Raises MalformedToken."""
    try:
        decoder = cbor2.CBORDecoder(
            BytesIO(data), allow_indefinite=False, allow_duplicate_keys=False, max_depth=_MAX_DEPTH
        )
        item = decoder.decode()
        # Re-encoding shows everything that the decoder forgives: long forms of integers, trailing bytes, -0,
        # NaN payloads.
        exact = cbor2.dumps(item) == data or cbor2.dumps(item, canonical=True) == data
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, RecursionError, LookupError) as error:
        raise MalformedToken("not CBOR") from error
    if not exact:
        raise MalformedToken("not deterministic CBOR")
    return item


def _unbase64(text: str) -> bytes:
    if not 0 < len(text) <= MAX_TOKEN_BYTES:
        raise MalformedToken("empty or too long")
    try:
        encoded = text.encode("ascii")
        data = urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    except (ValueError, binascii.Error) as error:
        raise MalformedToken("not base64url") from error
    # The decoder skips foreign characters and ignores spare bits: only the one spelling of these bytes is
    # accepted.
    if urlsafe_b64encode(data).rstrip(b"=") != encoded:
        raise MalformedToken("not canonical base64url")
    return data


def _kid(protected: Any, unprotected: dict[Any, Any]) -> str:
    if not isinstance(protected, dict) or protected.get(_ALG_HEADER) != _HMAC_SHA256:
        raise MalformedToken("not HMAC-SHA256")
    if set(protected) - {_ALG_HEADER, _KID_HEADER} or set(unprotected) - {_KID_HEADER}:
        raise MalformedToken("a header parameter that is not understood")
    found = [header[_KID_HEADER] for header in (protected, unprotected) if _KID_HEADER in header]
    if len(found) != 1 or not isinstance(found[0], bytes):
        raise MalformedToken("no key id")
    try:
        return found[0].decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedToken("a key id that is not text") from error
