"""How a webhook is signed: the symmetric scheme of the Standard Webhooks specification. Rules file.

`webhook-id` is the same for every attempt, `webhook-timestamp` is in seconds, and `webhook-signature` holds, parted by
spaces, one `v1,` and the Base64 HMAC-SHA256 of `id.timestamp.body` for every secret that is valid.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 -- what a secret begins with, not one
LEAST_SECRET_BYTES, MOST_SECRET_BYTES = 24, 64
"""The bounds of the specification."""


class BadSecret(ValueError):
    """A text that is no secret. Its message never holds the text."""


def signed(secrets: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes) -> Mapping[str, str]:
    """The header fields that prove who sends `body`, a JSON document, and when."""
    content = f"{message_id}.{timestamp_s}.".encode() + body
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{_mac(secret, content)}" for secret in secrets),
    }


def parse_secret(text: str) -> bytes:
    """The key that `whsec_…` spells in Base64. Raises BadSecret."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not text.startswith(SECRET_PREFIX) or not LEAST_SECRET_BYTES <= len(key) <= MOST_SECRET_BYTES:
        raise BadSecret(
            f"a secret is {SECRET_PREFIX} and the Base64 of {LEAST_SECRET_BYTES} to {MOST_SECRET_BYTES} bytes"
        )
    return key


def _mac(secret: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
