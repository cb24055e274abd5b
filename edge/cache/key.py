"""Cache keys: which resource, and which of its variants (RFC 9111 sections 2 and 4.1). Rules only.

The key of media is its canonical path alone: tokens, CMCD and every other query parameter never reach it. A
variant is named by the request fields that the response's Vary lists, in a normal form, so that spellings of
one wish share one stored body.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.cache.headers import Headers, combined, list_members, values

_CODINGS = ("br", "gzip", "zstd", "deflate", "identity")


def media_key(path: str) -> str:
    """The key of a canonical media path."""
    return path


def vary_names(headers: Headers) -> tuple[bytes, ...] | None:
    """Lower-case names that Vary lists, sorted; None when it contains `*`, so that no other request can ever
    match.
    """
    names: set[bytes] = set()
    for value in values(headers, b"vary"):
        names.update(member.lower().encode("latin-1") for member in list_members(value.decode("latin-1")))
    return None if b"*" in names else tuple(sorted(names))


def selecting(names: Sequence[bytes], request_headers: Headers) -> tuple[tuple[bytes, str | None], ...]:
    """The fields that select a variant, with the request's normalised values."""
    return tuple((name, normalised(name, combined(request_headers, name))) for name in names)


def variant_key(vary: tuple[tuple[bytes, str | None], ...]) -> str:
    """One text for a set of selecting fields; the empty text where nothing selects."""
    return "\n".join(f"{name.decode('latin-1')}:{'-' if value is None else '=' + value}" for name, value in vary)


def matches(vary: tuple[tuple[bytes, str | None], ...], request_headers: Headers) -> bool:
    """Whether a stored response's selecting fields agree with a request."""
    return all(normalised(name, combined(request_headers, name)) == value for name, value in vary)


def normalised(name: bytes, value: str | None) -> str | None:
    """A field's value without the differences that carry no meaning."""
    if value is None:
        return None
    if name == b"accept-encoding":
        return ",".join(acceptable_codings(value))
    if name == b"accept-language":
        return _preferences(value)
    return ",".join(list_members(value))


def acceptable_codings(value: str) -> tuple[str, ...]:
    """The codings of Accept-Encoding that a request takes (RFC 9110 section 12.5.3), in one order."""
    weights = dict(_weighted(value))
    star = weights.get("*", 0.0)
    return tuple(name for name in _CODINGS if weights.get(name, 1.0 if name == "identity" else star) > 0)


def _preferences(value: str) -> str:
    ranked = sorted(((-weight, tag) for tag, weight in _weighted(value) if weight > 0))
    return ",".join(f"{tag};q={-weight:g}" for weight, tag in ranked)


def _weighted(value: str) -> list[tuple[str, float]]:
    found = []
    for member in list_members(value):
        name, *parameters = [part.strip() for part in member.lower().split(";")]
        weight = next((_weight(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
        found.append((name, weight))
    return found


def _weight(text: str) -> float:
    whole, _, fraction = text.partition(".")
    if whole not in ("0", "1") or not (fraction == "" or (fraction.isascii() and fraction.isdigit())):
        return 1.0
    return min(1.0, float(f"{whole}.{fraction or 0}"))
