"""The API description is valid and says neither more nor less than what is routed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import jsonschema
import pytest
from openapi_spec_validator import validate

from edge.gateway.openapi import describe
from edge.gateway.openapi_schemas import SCHEMAS

if TYPE_CHECKING:
    from conftest import Client

INGEST = {
    ("/v1/uploads", "post"),
    ("/v1/uploads", "options"),
    ("/v1/uploads/{upload_id}", "head"),
    ("/v1/uploads/{upload_id}", "patch"),
    ("/v1/uploads/{upload_id}", "delete"),
    ("/v1/uploads/{upload_id}", "options"),
}
"""Answered by the ingest in front of Quart."""


def described() -> set[tuple[str, str]]:
    paths = describe("https://localhost:8443")["paths"]
    return {(path, method) for path, item in paths.items() for method in item if method != "parameters"}


def test_the_description_is_valid_openapi() -> None:
    validate(describe("https://localhost:8443"))


def test_every_route_is_described_and_every_description_routed(client: Client) -> None:
    routed = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in client.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert described() == routed | INGEST


async def test_it_is_served(client: Client) -> None:
    answer = await client.ask("GET", "/openapi.json", user_id=None)
    assert answer.json["openapi"] == "3.1.0"
    assert "max-age" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("target", "schema"),
    [("/v1/videos/11", "Video"), ("/v1/feed", "FeedPage"), ("/v1/users/1", "Profile"), ("/v1/videos/99", "Problem")],
)
async def test_answers_are_as_described(client: Client, target: str, schema: str) -> None:
    client.feed.video_ids = (11, 12)
    answer = await client.ask("GET", target)
    document = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": SCHEMAS}}
    jsonschema.Draft202012Validator(document).validate(answer.json)
