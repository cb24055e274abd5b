"""A stored response's head as JSON text, for the files backend. Rules only."""

from __future__ import annotations

import json
from dataclasses import asdict

from edge.cache.model import Stored, Terms

SCHEMA = 1


class BrokenHead(ValueError):
    """Not a head, or one of another schema."""


def encode_head(stored: Stored, body_name: str) -> bytes:
    """The head and the name of its body file."""
    document = {
        "schema": SCHEMA,
        "body": body_name,
        "key": stored.key,
        "variant": stored.variant,
        "status": stored.status,
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in stored.headers],
        "vary": [[name.decode("latin-1"), value] for name, value in stored.vary],
        "terms": asdict(stored.terms),
        "received_ms": stored.received_ms,
        "length": stored.length,
        "soft_purged_ms": stored.soft_purged_ms,
        "tags": stored.tags,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def decode_head(data: bytes) -> tuple[Stored, str]:
    """The head and the name of its body file. Raises BrokenHead for anything else."""
    try:
        document = json.loads(data)
        if document["schema"] != SCHEMA or not isinstance(document["length"], int):
            raise BrokenHead("a head of another schema")
        stored = Stored(
            key=document["key"],
            variant=document["variant"],
            status=document["status"],
            headers=tuple((n.encode("latin-1"), v.encode("latin-1")) for n, v in document["headers"]),
            vary=tuple((name.encode("latin-1"), value) for name, value in document["vary"]),
            terms=Terms(**document["terms"]),
            received_ms=document["received_ms"],
            length=document["length"],
            soft_purged_ms=document["soft_purged_ms"],
            tags=tuple(document["tags"]),
        )
        return stored, str(document["body"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenHead("not a head") from error
