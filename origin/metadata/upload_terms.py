"""The terms of an upload as stores keep them: JSON, and nothing for an ordinary upload. Rules file."""

from __future__ import annotations

import json

from origin.model import ORDINARY, UploadKind, UploadTerms


def encode(terms: UploadTerms) -> str:
    if terms == ORDINARY:
        return ""
    document = {
        "kind": terms.kind.value,
        "partials": list(terms.partials),
        "digest": terms.digest,
        "part_bytes": terms.part_bytes,
    }
    return json.dumps(document, separators=(",", ":"))


def decode(text: str | None) -> UploadTerms:
    """Of a row that `encode` wrote, or that is older than the terms."""
    if not text:
        return ORDINARY
    document = json.loads(text)
    return UploadTerms(
        UploadKind(document["kind"]), tuple(document["partials"]), document["digest"], document["part_bytes"]
    )
