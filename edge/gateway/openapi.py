"""The API description (OpenAPI 3.1), put together from `openapi_paths` and `openapi_schemas`. Rules file.

Kept by hand; a test holds its paths and the app's routes to each other.
"""

from __future__ import annotations

from edge.gateway.openapi_paths import paths
from edge.gateway.openapi_schemas import SCHEMAS, Document

_ABOUT = """Short video: sign in, upload, watch, interact.

Ids are Snowflakes as decimal strings, times RFC 3339 in UTC. Refusals are RFC 9457 problems whose `code` is stable.
Send `Authorization: Bearer <token>`; tokens in queries are refused. Over its rate a client gets 429 with `Retry-After`;
`RateLimit` and `RateLimit-Policy` tell how much is left. `X-Request-Id` is taken (8 to 64 of `A-Za-z0-9._-`) or made,
and comes back in every answer.
"""


def describe(public_url: str) -> Document:
    """The whole document, with the address that clients see."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Reelway",
            "version": "1.0.0",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "paths": paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }
