"""Uploads straight to the object store: only a real S3 can presign, so the embedded default says that it cannot.

The resumable uploads of the same prefix never come here: `edge.ingest` answers them.
"""

from __future__ import annotations

from quart import Quart, Response

from edge.gateway import bodies, documents
from edge.gateway.ports import DirectAsked, DirectUploads
from edge.gateway.problems import DIRECT_NEEDS_S3, ApiProblem
from edge.gateway.routes.exchange import answer, document, request_id, required_user


def register(app: Quart, uploads: DirectUploads | None) -> None:
    """`uploads` is None where the object store is embedded."""

    @app.post("/v1/uploads/direct")
    async def begin_direct() -> Response:
        user_id, offered = required_user(), _offered(uploads)
        asked = DirectAsked(*bodies.direct_upload(await document()))
        begun = documents.direct_upload(await offered.begin(user_id, asked))
        response = answer(begun, status=201)
        response.headers["Location"] = f"/v1/uploads/{begun['upload_id']}"
        response.headers["Reelway-Video-Id"] = str(begun["video_id"])
        return response

    @app.get("/v1/uploads/<upload_id>/parts")
    async def parts(upload_id: str) -> Response:
        user_id = required_user()
        return answer(documents.direct_upload(await _offered(uploads).standing(user_id, bodies.path_id(upload_id))))

    @app.post("/v1/uploads/<upload_id>/complete")
    async def complete(upload_id: str) -> Response:
        user_id, key = required_user(), bodies.path_id(upload_id)
        return answer({"video_id": str(await _offered(uploads).complete(user_id, key, request_id()))})


def _offered(uploads: DirectUploads | None) -> DirectUploads:
    if uploads is None:
        raise ApiProblem(DIRECT_NEEDS_S3)
    return uploads
