"""The upload resources, described: tus 1.0.0 and the IETF draft on the same addresses. Rules file."""

from __future__ import annotations

from edge.gateway.openapi_schemas import ID, TEXT, Document, ref

_TUS = "https://tus.io/protocols/resumable-upload"
_RUFH = "https://datatracker.ietf.org/doc/draft-ietf-httpbis-resumable-upload/"
_ABOUT = (
    f"A resumable upload by [tus 1.0.0]({_TUS}) (send `Tus-Resumable: 1.0.0`) or by the [IETF draft]({_RUFH}) (send "
    "`Upload-Complete`; interop versions 3, 5 to 8 and the final form). An MP4 or QuickTime clip of up to 60 s. The "
    "description goes in tus's `Upload-Metadata` under the key `description` (Base64 of UTF-8), or in the field "
    "`Reelway-Description` as percent-encoded UTF-8 (`encodeURIComponent`)."
)
_PROBLEM: Document = {"description": "Refused.", "content": {"application/problem+json": {"schema": ref("Problem")}}}
_BYTES: Document = {"type": "string", "format": "binary"}


def _field(name: str, description: str) -> Document:
    return {"name": name, "in": "header", "schema": TEXT, "description": description}


def _gives(*names: str) -> Document:
    return {name: {"schema": TEXT} for name in names}


def _call(name: str, summary: str, answers: Document, **more: object) -> Document:
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["uploads"],
        "security": [{"bearer": []}],
        "responses": {**answers, "default": _PROBLEM},
        **more,
    }


def _answer(description: str, *headers: str, done: bool = False) -> Document:
    answer: Document = {"description": description, "headers": _gives(*headers)}
    if done:
        answer["content"] = {"application/json": {"schema": ref("UploadDone")}}
    return answer


_SPEECH = [
    _field("Tus-Resumable", "tus: `1.0.0`"),
    _field("Upload-Draft-Interop-Version", "IETF draft: 3, 5 to 8; then interim 104 answers are sent where possible"),
]
_CREATION = [
    *_SPEECH,
    _field("Upload-Length", "Whole length in bytes"),
    _field("Upload-Defer-Length", "tus: `1` when the length is not known yet"),
    _field("Upload-Metadata", "tus: `description`, `filename`"),
    _field("Upload-Complete", "IETF draft: `?1` when the body is the whole upload"),
    _field("Upload-Incomplete", "IETF draft, version 3: the inverse of Upload-Complete"),
    _field("Upload-Concat", "tus: `partial`, or `final;` and the addresses of partial uploads"),
    _field("Upload-Checksum", "tus: `sha1`, `sha256` or `crc32c` and the digest of the body in Base64; or as trailer"),
    _field("Content-Digest", "Of the body (RFC 9530), in the head or as trailer"),
    _field("Repr-Digest", "Of the whole upload (RFC 9530)"),
    _field("Reelway-Description", "IETF draft: the description, percent-encoded UTF-8"),
]
_APPEND = [
    *_SPEECH,
    {**_field("Upload-Offset", "Where the body begins"), "required": True},
    _field("Upload-Length", "Whole length, once known"),
    _field("Upload-Complete", "IETF draft: `?1` when the body is the rest"),
    _field("Upload-Checksum", "tus"),
]


def paths() -> Document:
    return {
        "/v1/uploads": {"post": _creation(), "options": _options("uploadAbilities")},
        "/v1/uploads/{upload_id}": _resource(),
        **_direct(),
    }


_DIRECT = (
    "The clip is cut into parts of `part_bytes`, the last one smaller. Send each to its `url` with `method` and "
    "exactly `headers`, in any order, several at once; then complete the upload. After a break ask for the parts: "
    "those that have arrived are in `stored`, the others get new addresses. 501 where the object store is embedded. "
    "(A browser needs a CORS rule on the bucket that allows PUT from the app's origin.)"
)


def _direct() -> Document:
    standing = {"description": "Where its parts go.", "content": {"application/json": {"schema": ref("DirectUpload")}}}
    asked = {"required": True, "content": {"application/json": {"schema": ref("DirectAsked")}}}
    return {
        "/v1/uploads/direct": {
            "post": _call(
                "directUpload",
                "Begin an upload straight to the object store",
                {"201": {**standing, "headers": _gives("Location", "Reelway-Video-Id")}, "501": _PROBLEM},
                description=_DIRECT,
                requestBody=asked,
            )
        },
        "/v1/uploads/{upload_id}/parts": {
            "parameters": [_upload_id()],
            "get": _call("directParts", "Which parts of a direct upload are missing", {"200": standing}),
        },
        "/v1/uploads/{upload_id}/complete": {
            "parameters": [_upload_id()],
            "post": _call(
                "completeUpload",
                "End a direct upload: its parts, first bytes and digest are verified",
                {"200": _answer("Handed to packaging.", done=True), "409": _PROBLEM, "501": _PROBLEM},
            ),
        },
    }


def _creation() -> Document:
    created = _answer("Begun.", "Location", "Reelway-Video-Id", "Upload-Offset", "Upload-Expires", done=True)
    content = {kind: {"schema": _BYTES} for kind in ("application/offset+octet-stream", "application/octet-stream")}
    return _call(
        "createUpload",
        "Begin an upload",
        {"201": created},
        description=_ABOUT,
        parameters=_CREATION,
        requestBody={"required": False, "content": content},
    )


def _resource() -> Document:
    standing = ("Upload-Offset", "Upload-Length", "Upload-Complete", "Upload-Limit", "Upload-Expires")
    content = {kind: {"schema": _BYTES} for kind in ("application/offset+octet-stream", "application/partial-upload")}
    appended = {
        "204": _answer("Appended.", "Upload-Offset", "Upload-Expires", "Upload-Complete"),
        "200": _answer("IETF draft: complete.", "Upload-Complete", done=True),
    }
    reported = {"200": _answer("tus: where it stands.", *standing), "204": _answer("IETF draft: the same.", *standing)}
    return {
        "parameters": [_upload_id()],
        "head": _call("uploadOffset", "Where an upload stands", reported, parameters=_SPEECH),
        "patch": _call(
            "appendToUpload",
            "Send more bytes",
            appended,
            parameters=_APPEND,
            requestBody={"required": True, "content": content},
        ),
        "delete": _call("cancelUpload", "End an upload", {"204": _answer("Ended.")}, parameters=_SPEECH),
        "options": _options("uploadResourceAbilities"),
    }


def _options(name: str) -> Document:
    told = ("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm", "Upload-Limit")
    described = _call(name, "What the server can do", {"204": _answer("Abilities.", *told)})
    return {**described, "security": [{}]}


def _upload_id() -> Document:
    return {"name": "upload_id", "in": "path", "required": True, "schema": ID}
