"""Uploads straight to the object store: only a real S3 can presign, so the embedded default says that it cannot.

The resumable uploads of the same prefix never come here: `edge.ingest` answers them.
"""

from __future__ import annotations

from quart import Quart, Response

from edge.gateway import bodies
from edge.gateway.problems import ApiProblem, Problem
from edge.gateway.routes.exchange import required_user

DIRECT_NEEDS_S3 = Problem(
    501,
    "direct_upload_needs_s3",
    "This object store takes no direct uploads",
    "Direct uploads need an S3 object store. Upload to /v1/uploads instead: tus 1.0.0 or the IETF resumable upload.",
)


def register(app: Quart) -> None:
    @app.post("/v1/uploads/direct")
    async def direct() -> Response:
        required_user()
        raise ApiProblem(DIRECT_NEEDS_S3)

    @app.post("/v1/uploads/<upload_id>/complete")
    async def complete(upload_id: str) -> Response:
        required_user()
        bodies.path_id(upload_id)
        raise ApiProblem(DIRECT_NEEDS_S3)
