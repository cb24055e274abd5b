"""The API description (OpenAPI 3.1). Rules file."""

from __future__ import annotations

Document = dict[str, object]


def describe(public_url: str) -> Document:
    info = {"title": "Reelway", "version": "1"}
    return {"openapi": "3.1.0", "info": info, "servers": [{"url": public_url}], "paths": {}}
