"""Rate limits on the wire: route classes, keys and header fields. Rules file.

Fields after draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "read";q=600;w=60` and
`RateLimit: "read";r=599;t=1`; `Retry-After` after RFC 9110 section 10.2.3.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from edge.gateway.limits.base import Policy, Spent
from edge.gateway.problems import Problem

_UPLOADS = "/v1/uploads"
_CLASSES_BY_PATH = {"/v1/sessions": "sessions", "/v1/interactions": "interactions"}
_CREATING = frozenset({_UPLOADS, f"{_UPLOADS}/direct"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def route_class(method: str, path: str) -> str:
    """The class whose policy limits a request; `site` (files of the web app) has none by default."""
    if not path.startswith("/v1/"):
        return "site"
    if path in _CLASSES_BY_PATH:
        return _CLASSES_BY_PATH[path]
    if path == _UPLOADS or path.startswith(_UPLOADS + "/"):
        return "create_upload" if path in _CREATING and method not in _SAFE else "upload"
    return "read" if method in _SAFE else "write"


def bucket_key(user_id: int | None, client: str) -> str:
    """Who shares a bucket: a user; without a token an address, or an IPv6 /64, which one subscriber owns."""
    if user_id is not None:
        return f"u{user_id}"
    try:
        address = ip_address(client)
    except ValueError:
        return f"a{client}"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return f"a{address.ipv4_mapped}"
        return f"a{int(address) >> 64:x}::/64"
    return f"a{address}"


def fields(policy: Policy, spent: Spent) -> tuple[tuple[str, str], ...]:
    return (
        ("RateLimit-Policy", f'"{policy.name}";q={policy.quota};w={policy.window_s}'),
        ("RateLimit", f'"{policy.name}";r={spent.remaining};t={_seconds(spent.reset_ms)}'),
    )


def too_many(policy: Policy, spent: Spent) -> Problem:
    """429 with the fields and how long to wait."""
    wait = max(1, _seconds(spent.retry_after_ms))
    return Problem(
        429,
        "rate_limited",
        "Too many requests",
        f"At most {policy.quota} requests of the class {policy.name} in {policy.window_s} s; wait {wait} s.",
        headers=(("Retry-After", str(wait)), *fields(policy, spent)),
    )


def _seconds(ms: int) -> int:
    return -(-ms // 1000)
