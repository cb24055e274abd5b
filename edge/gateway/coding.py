"""Content coding of answers: who takes what (RFC 9110 section 12.5.3). Rules file."""

from __future__ import annotations

import gzip

COMPRESS_FROM_BYTES = 1000
_LEVEL = 5


def accepts(accept_encoding: str, wanted: str) -> bool:
    """Does the client take the coding `wanted`? `*` and weights are understood; a weight of 0 refuses."""
    weights: dict[str, bool] = {}
    for item in accept_encoding.split(","):
        coding, _, parameter = item.partition(";")
        weight = parameter.strip().lower().removeprefix("q=").strip()
        weights[coding.strip().lower()] = weight.strip("0.") != "" if weight else True
    return weights.get(wanted, weights.get("*", False))


def compress(body: bytes) -> bytes:
    """Gzip without a time stamp, so that equal bodies stay equal."""
    return gzip.compress(body, _LEVEL, mtime=0)
