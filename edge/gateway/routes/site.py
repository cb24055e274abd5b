"""The web app: one page for all its addresses, its modules, and the vendored libraries."""

from __future__ import annotations

from collections.abc import Mapping

from quart import Quart, Response, request

from edge.gateway.coding import accepts
from edge.gateway.problems import ApiProblem, not_found
from edge.gateway.site_files import SiteFile

# Modules import each other by plain names, so their addresses carry no version: they are revalidated by ETag. A
# request that names the content it wants (`?v=<etag>`) gets it for good.
REVALIDATE = "public, max-age=0, must-revalidate"
IMMUTABLE = "public, max-age=31536000, immutable"
_PAGES = ("/", "/following", "/upload", "/watch/<name>", "/u/<name>")


def register(app: Quart, site: Mapping[str, SiteFile]) -> None:
    async def page(name: str = "") -> Response:  # noqa: ARG001 - the page itself reads its address
        return _file(site, "/")

    for rule in _PAGES:
        app.add_url_rule(rule, f"page {rule}", page, methods=["GET"])

    @app.get("/app/<path:name>")
    async def app_file(name: str) -> Response:
        return _file(site, f"/app/{name}")

    @app.get("/vendor/<path:name>")
    async def vendored(name: str) -> Response:
        return _file(site, f"/vendor/{name}")

    @app.get("/favicon.ico")
    async def favicon() -> Response:
        return _file(site, "/app/icons/icon-192.png")

    @app.get("/manifest.webmanifest")
    async def manifest() -> Response:
        return _file(site, "/manifest.webmanifest")


def _file(site: Mapping[str, SiteFile], path: str) -> Response:
    file = site.get(path)
    if file is None:
        raise ApiProblem(not_found("The web app has no such file."))
    asked = request.headers.get("Accept-Encoding", "")
    coding = next((each for each in file.coded if accepts(asked, each)), None)
    # Each coding is a representation of its own (RFC 9110 section 8.8.3.3).
    etag = f"{file.etag}-{coding}" if coding else file.etag
    response = Response(b"", content_type=file.content_type)
    response.headers["ETag"] = f'"{etag}"'
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = IMMUTABLE if request.args.get("v") == file.etag else REVALIDATE
    if request.if_none_match.contains_weak(etag):
        response.status_code = 304
        # A length here would be taken for that of the file (RFC 9110 section 8.6).
        del response.headers["Content-Length"]
        return response
    response.set_data(file.coded[coding] if coding else file.body)
    if coding:
        response.headers["Content-Encoding"] = coding
    return response
