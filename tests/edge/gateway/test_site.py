"""The web app's files as the gateway serves them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import brotli
import pytest

from edge.gateway.settings import GatewaySettings
from edge.gateway.site_files import BrokenSite, load_site

PAGE = "<!doctype html>" + "<p>reel</p>" * 200
SETTINGS = GatewaySettings("https://localhost:8443", "https://localhost:8443", policies=())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app" / "rules").mkdir(parents=True)
    (tmp_path / "node_modules" / "lib").mkdir(parents=True)
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "manifest.webmanifest").write_text("{}")
    (tmp_path / "app" / "main.js").write_text("import './rules/a.js';\n" * 100)
    (tmp_path / "app" / "rules" / "a.js").write_text("export {};")
    (tmp_path / "app" / "types.d.ts").write_text("interface A {}")
    (tmp_path / "node_modules" / "lib" / "lib.mjs").write_text("export const x = 1;")
    (tmp_path / "vendor.json").write_text(json.dumps({"/vendor/lib.mjs": "node_modules/lib/lib.mjs"}))
    return tmp_path


@pytest.fixture
def visitor(folder: Path, remake: Any) -> Any:
    return remake(GatewaySettings("https://localhost:8443", "https://localhost:8443", folder, policies=()))


async def test_all_addresses_of_the_app_give_its_page(visitor: Any) -> None:
    for target in ("/", "/following", "/watch/123", "/u/123", "/upload"):
        answer = await visitor.ask("GET", target, user_id=None)
        assert (answer.status, answer.body.decode()) == (200, PAGE)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "must-revalidate" in answer.headers["cache-control"]
    assert (await visitor.ask("GET", "/elsewhere", user_id=None)).status == 404


async def test_modules_and_vendored_libraries_are_served_as_javascript(visitor: Any) -> None:
    for target in ("/app/main.js", "/app/rules/a.js", "/vendor/lib.mjs"):
        answer = await visitor.ask("GET", target, user_id=None)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    manifest = await visitor.ask("GET", "/manifest.webmanifest", user_id=None)
    assert manifest.headers["content-type"] == "application/manifest+json"
    for target in ("/app/types.d.ts", "/app/missing.js", "/vendor/other.js", "/app/../vendor.json"):
        assert (await visitor.ask("GET", target, user_id=None)).status in (400, 404)


async def test_text_is_compressed_and_each_form_has_its_validator(visitor: Any) -> None:
    plain = await visitor.ask("GET", "/app/main.js", user_id=None)
    zipped = await visitor.ask("GET", "/app/main.js", user_id=None, headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(zipped.body) == plain.body
    assert zipped.headers["content-encoding"] == "gzip"
    smallest = await visitor.ask("GET", "/app/main.js", user_id=None, headers={"Accept-Encoding": "gzip, br"})
    assert brotli.decompress(smallest.body) == plain.body
    assert smallest.headers["content-encoding"] == "br"
    assert len({answer.headers["etag"] for answer in (plain, zipped, smallest)}) == 3
    fresh = await visitor.ask("GET", "/app/main.js", user_id=None, headers={"If-None-Match": plain.headers["etag"]})
    assert (fresh.status, fresh.body) == (304, b"")
    tag = plain.headers["etag"].strip('"')
    versioned = await visitor.ask("GET", f"/app/main.js?v={tag}", user_id=None)
    assert "immutable" in versioned.headers["cache-control"]


def test_a_vendored_file_that_is_not_installed_stops_the_start(folder: Path) -> None:
    (folder / "vendor.json").write_text(json.dumps({"/vendor/x.js": "node_modules/x/x.js"}))
    with pytest.raises(BrokenSite, match="node_modules/x"):
        load_site(folder)
    (folder / "vendor.json").write_text(json.dumps({"/elsewhere.js": "../../etc/passwd"}))
    with pytest.raises(BrokenSite, match="/vendor/"):
        load_site(folder)
