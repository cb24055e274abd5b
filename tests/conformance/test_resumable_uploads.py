"""The IETF's resumable uploads as a list of conversations, in each version that phones speak.

Versions by their interop number: 3 is iOS 17, 5 and 6 are iOS 18, 8 is iOS 26; 7 came between.
"""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from tests.conformance.conversations import Conversation, Expected, Heard, Said, hold
from tests.edge.ingest.conftest import World

CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
SIZE = str(len(CLIP))
HEAD, TAIL = CLIP[:5000], CLIP[5000:]
UPLOADS = "/v1/uploads"
WHOLE, MORE = {"Upload-Complete": "?1"}, {"Upload-Complete": "?0"}
PARTIAL = {"Content-Type": "application/partial-upload"}
TYPES = "https://iana.org/assignments/http-problem-types"
GONE = (404, 410)
MODERN = (5, 6, 7, 8)


def digest(body: bytes, algorithm: str = "sha-256") -> str:
    name = algorithm.replace("-", "")
    return f"{algorithm}=:{base64.b64encode(hashlib.new(name, body).digest()).decode()}:"


def limits(version: int) -> dict[str, Expected]:
    if version < 6:
        return {"Upload-Limit": None}
    lifetime = "max-age" if version > 6 else "expires"
    return {"Upload-Limit": re.compile(rf"(?=.*\bmax-size=1048576\b)(?=.*\b{lifetime}=\d+).*")}


def modern(version: int) -> list[Conversation]:
    """What versions 5 to 8 have in common, and where they differ."""
    speaks = {"Upload-Draft-Interop-Version": str(version)}
    typed = PARTIAL if version > 5 else {}

    def created(body: bytes | None, complete: dict[str, str], **more: str) -> Said:
        fields = {name.replace("_", "-"): value for name, value in more.items()}
        return Said("POST", fields={**speaks, **complete, **fields}, body=body)

    def appended(offset: int, body: bytes, complete: dict[str, str], **more: str) -> Said:
        fields = {name.replace("_", "-"): value for name, value in more.items()}
        return Said("PATCH", "{where}", {**speaks, **typed, **complete, "Upload-Offset": str(offset), **fields}, body)

    def stands(offset: int, length: str | None = None) -> tuple[Said, Heard]:
        told: dict[str, Expected] = {
            "Upload-Offset": str(offset),
            "Upload-Complete": "?0",
            "Cache-Control": "no-store",
            **limits(version),
        }
        return Said("HEAD", "{where}", speaks), Heard((200, 204), told | ({"Upload-Length": length} if length else {}))

    begun = (created(HEAD, MORE), Heard(201, {"Location": ..., "Upload-Complete": "?0", **limits(version)}))
    place: dict[str, Expected] = {
        "Location": ...,
        "Upload-Draft-Interop-Version": str(version),
        **limits(version),
    }

    def reached(offset: int) -> dict[str, Expected]:
        told = {"Upload-Offset": str(offset), "Location": None, "Upload-Draft-Interop-Version": str(version)}
        return dict[str, Expected](told)

    rules = [
        Conversation(
            "a whole upload in one request is told its place and its progress on the way",
            [
                (
                    created(CLIP, WHOLE, Upload_Length=SIZE),
                    Heard(
                        (200, 201),
                        {"Upload-Complete": "?1"},
                        interim=[place, reached(4096), reached(8192), reached(len(CLIP))],
                    ),
                ),
            ],
        ),
        Conversation(
            "a part of an upload is answered with 201, its place and its limits",
            [
                begun,
                stands(5000),
                (appended(5000, TAIL, WHOLE), Heard((200, 201, 204), {"Upload-Complete": "?1"})),
            ],
        ),
        Conversation(
            "a careful creation is empty and gets a place",
            [
                (
                    created(b"", MORE, Upload_Length=SIZE),
                    Heard(201, {"Location": ..., "Upload-Complete": "?0"}, interim=[place]),
                ),
                stands(0, SIZE if version > 6 else None),
                (appended(0, HEAD, MORE), Heard((200, 201, 204), {"Upload-Complete": "?0"})),
                (appended(5000, TAIL, WHOLE), Heard((200, 201, 204), {"Upload-Complete": "?1"})),
            ],
        ),
        Conversation(
            "the progress of an append names no place",
            [
                begun,
                (
                    appended(5000, TAIL, WHOLE),
                    Heard((200, 201, 204), interim=[reached(9096), reached(len(CLIP))]),
                ),
            ],
        ),
        Conversation(
            "another offset is answered with 409, the right one, and both in a problem",
            [
                begun,
                (
                    appended(4000, TAIL, MORE),
                    Heard(
                        409,
                        {"Upload-Offset": "5000", "Upload-Complete": "?0"},
                        problem="mismatching_upload_offset",
                        members={
                            "type": f"{TYPES}#mismatching-upload-offset",
                            "expected-offset": 5000,
                            "provided-offset": 4000,
                        },
                    ),
                ),
                stands(5000),
            ],
        ),
        Conversation(
            "lengths that do not agree are answered with 400 and a problem of their own",
            [
                (
                    created(CLIP, WHOLE, Upload_Length=str(len(CLIP) + 1)),
                    Heard(
                        400,
                        {"Location": None},
                        problem="inconsistent_upload_length",
                        members={"type": f"{TYPES}#inconsistent-upload-length"},
                    ),
                ),
                (created(HEAD, MORE, Upload_Length=SIZE), Heard(201, {"Location": ...})),
                (
                    appended(5000, TAIL[:-1], WHOLE),
                    Heard(
                        400,
                        members={"type": f"{TYPES}#inconsistent-upload-length"},
                        problem="inconsistent_upload_length",
                    ),
                ),
            ],
        ),
        Conversation(
            "more than fits is refused",
            [
                (
                    created(None, WHOLE, Upload_Length=str(2 << 20)),
                    Heard(413, {"Upload-Limit": "max-size=1048576"} if version > 5 else {}),
                ),
            ],
        ),
        Conversation(
            "a cancelled upload is gone",
            [
                begun,
                (Said("DELETE", "{where}", speaks), Heard((200, 204))),
                (Said("HEAD", "{where}", speaks), Heard(GONE, {"Upload-Offset": None})),
                (appended(5000, TAIL, WHOLE), Heard(GONE)),
            ],
        ),
        Conversation(
            "OPTIONS tells the limits" if version > 5 else "OPTIONS is answered",
            [(Said("OPTIONS", fields=speaks, user_id=None), Heard((200, 204), {"Upload-Limit": ...}))],
        ),
        Conversation(
            "the type of an append is a partial upload's" if version > 5 else "the type of an append is free",
            [
                begun,
                (
                    Said("PATCH", "{where}", {**speaks, **WHOLE, "Upload-Offset": "5000"}, TAIL),
                    Heard(415 if version > 5 else (200, 201, 204)),
                ),
            ],
        ),
        Conversation(
            "who asks for the offset names none"
            if version < 7
            else "fields of state in a question are nothing to mind",
            [
                begun,
                (
                    Said("HEAD", "{where}", {**speaks, "Upload-Offset": "5000"}),
                    Heard(400 if version < 7 else (200, 204)),
                ),
                stands(5000),
            ],
        ),
        Conversation(
            "what the content's digest denies is not appended",
            [
                begun,
                (appended(5000, TAIL, WHOLE, Content_Digest=digest(HEAD)), Heard(400, problem="digest_mismatch")),
                stands(5000),
                (appended(5000, TAIL, MORE, Content_Digest=digest(TAIL, "sha-512")), Heard((200, 201, 204))),
            ],
        ),
        Conversation(
            "the digest of the whole may come with the creation",
            [
                (created(CLIP, WHOLE, Repr_Digest=digest(CLIP)), Heard((200, 201), {"Upload-Complete": "?1"})),
                (created(CLIP, WHOLE, Repr_Digest=digest(HEAD)), Heard(400, problem="digest_mismatch")),
                (created(CLIP, WHOLE, Repr_Digest="md5=:AAAA:"), Heard((200, 201))),
                (created(CLIP, WHOLE, Repr_Digest="sha-256=AAAA"), Heard(400)),
            ],
        ),
        Conversation(
            "the digest of the whole may come with the last append",
            [
                begun,
                (
                    appended(5000, TAIL, WHOLE, Repr_Digest=digest(CLIP)),
                    Heard((200, 201, 204), {"Upload-Complete": "?1"}),
                ),
                begun,
                (appended(5000, TAIL, WHOLE, Repr_Digest=digest(TAIL)), Heard(400, problem="digest_mismatch")),
                (Said("HEAD", "{where}", speaks), Heard(GONE)),
            ],
        ),
        Conversation(
            "an upload of one protocol goes on in the other",
            [
                begun,
                (
                    Said("HEAD", "{where}", {"Tus-Resumable": "1.0.0"}),
                    Heard((200, 204), {"Upload-Offset": "5000", "Tus-Resumable": "1.0.0"}),
                ),
                (
                    Said(
                        "PATCH",
                        "{where}",
                        {
                            "Tus-Resumable": "1.0.0",
                            "Content-Type": "application/offset+octet-stream",
                            "Upload-Offset": "5000",
                            "Upload-Length": SIZE,
                        },
                        TAIL[:100],
                    ),
                    Heard(204, {"Upload-Offset": "5100"}),
                ),
                stands(5100, SIZE if version > 6 else None),
                (appended(5100, TAIL[100:], WHOLE), Heard((200, 201, 204), {"Upload-Complete": "?1"})),
            ],
        ),
    ]
    return [Conversation(f"version {version}: {each.rule}", each.lines) for each in rules]


V3 = {"Upload-Draft-Interop-Version": "3"}
PLACE_OF_3: dict[str, Expected] = {"Location": ..., "Upload-Draft-Interop-Version": "3", "Upload-Offset": None}
VERSION_3 = [
    Conversation(
        "version 3: completeness is said the other way round, and progress is not told",
        [
            (
                Said("POST", fields={**V3, "Upload-Incomplete": "?0"}, body=CLIP),
                Heard((200, 201), {"Upload-Complete": None, "Upload-Incomplete": "?0"}, interim=[PLACE_OF_3]),
            )
        ],
    ),
    Conversation(
        "version 3: an upload in parts",
        [
            (
                Said("POST", fields={**V3, "Upload-Incomplete": "?1"}, body=HEAD),
                Heard(201, {"Location": ..., "Upload-Incomplete": "?1", "Upload-Offset": "5000"}),
            ),
            (
                Said("HEAD", "{where}", V3),
                Heard(204, {"Upload-Offset": "5000", "Upload-Incomplete": "?1", "Cache-Control": "no-store"}),
            ),
            (Said("PATCH", "{where}", {**V3, "Upload-Offset": "4000"}, TAIL), Heard(409, {"Upload-Offset": "5000"})),
            (
                Said("PATCH", "{where}", {**V3, "Upload-Offset": "5000", "Upload-Incomplete": "?1"}, TAIL[:100]),
                Heard(201, {"Upload-Incomplete": "?1", "Upload-Offset": "5100"}),
            ),
            (Said("PATCH", "{where}", {**V3, "Upload-Offset": "5100"}, TAIL[100:]), Heard((200, 201, 204))),
        ],
    ),
    Conversation(
        "version 3: cancelling is answered with 204",
        [
            (Said("POST", fields={**V3, "Upload-Incomplete": "?1"}, body=HEAD), Heard(201)),
            (Said("DELETE", "{where}", V3), Heard(204)),
            (Said("HEAD", "{where}", V3), Heard(GONE)),
        ],
    ),
]
WITHOUT_A_VERSION = [
    Conversation(
        f"{who}: no interim answer, and the fields are honoured",
        [
            (
                Said("POST", fields={**speaks, **MORE}, body=HEAD),
                Heard(201, {"Location": ..., "Upload-Complete": "?0"}, interim=[]),
            ),
            (
                Said("PATCH", "{where}", {**speaks, **PARTIAL, **WHOLE, "Upload-Offset": "5000"}, TAIL),
                Heard((200, 201, 204), {"Upload-Complete": "?1"}, interim=[]),
            ),
        ],
    )
    for who, speaks in (
        ("no version", {}),
        ("a version that is not known", {"Upload-Draft-Interop-Version": "9"}),
    )
]
NOT_SPOKEN = Conversation(
    "version 4, which no phone spoke, is refused with those that are",
    [
        (
            Said("POST", fields={"Upload-Draft-Interop-Version": "4", **WHOLE}, body=CLIP),
            Heard(400, interim=[], problem="bad_header", members={"field": "Upload-Draft-Interop-Version"}),
        )
    ],
)
CONVERSATIONS = [
    *(each for version in MODERN for each in modern(version)),
    *VERSION_3,
    *WITHOUT_A_VERSION,
    NOT_SPOKEN,
]


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=str)
async def test_resumable_uploads(joining: World, conversation: Conversation) -> None:
    await hold(joining, conversation)
