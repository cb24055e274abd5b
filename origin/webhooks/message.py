"""What a webhook says: thin JSON, as the Standard Webhooks specification advises. Rules file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

TEST = "webhook.test"
"""The type of a message that says only that messages arrive."""


def body_of(kind: str, at_ms: int, data: Mapping[str, object]) -> bytes:
    """`type`, `timestamp` (RFC 3339, of what happened and not of the attempt) and `data`. Fields may be added;
    receivers ignore those they do not know."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": kind, "timestamp": moment, "data": data}, separators=(",", ":")).encode()
