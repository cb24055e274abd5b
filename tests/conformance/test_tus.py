"""tus 1.0.0 as a list of conversations, one for each line of the protocol that a client can see."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from tests.conformance.conversations import Conversation, Heard, Later, Said, hold
from tests.edge.ingest.conftest import LIFETIME_MS, World

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
CLIP = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 40
SIZE = str(len(CLIP))
HEAD, TAIL = CLIP[:5000], CLIP[5000:]
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
TOLD = {"Tus-Resumable": "1.0.0"}
GONE = (404, 410)
UNHEARD = Heard(0)
"""Nobody is there to be answered."""


def checksum(algorithm: str, body: bytes) -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, body).digest()).decode()}"


def created(heard: dict[str, object] | None = None, named: str = "", **fields: str) -> tuple[Said, Heard]:
    asked = {**TUS, "Upload-Length": SIZE, **{name.replace("_", "-"): value for name, value in fields.items()}}
    return Said("POST", fields=asked, named=named), Heard(201, {**TOLD, "Location": ..., **(heard or {})})  # type: ignore[arg-type]


def sent(
    offset: int, body: bytes, heard: Heard | None = None, where: str = "{where}", **more: str
) -> tuple[Said, Heard]:
    fields = {**OCTETS, "Upload-Offset": str(offset), **{name.replace("_", "-"): value for name, value in more.items()}}
    expected = heard or Heard(204, {**TOLD, "Upload-Offset": str(offset + len(body)), "Upload-Expires": DATE})
    return Said("PATCH", where, fields, body), expected


def offset_is(offset: int, where: str = "{where}") -> tuple[Said, Heard]:
    fields = {**TOLD, "Upload-Offset": str(offset), "Cache-Control": "no-store"}
    return Said("HEAD", where, TUS), Heard((200, 204), fields)  # type: ignore[arg-type]


PARTIAL = {**TUS, "Upload-Concat": "partial"}
CONVERSATIONS = [
    # The core protocol
    Conversation(
        "another version is answered with 412 and ours, and nothing is processed",
        [
            (
                Said("POST", fields={"Tus-Resumable": "0.2.2", "Upload-Length": SIZE}),
                Heard(412, {**TOLD, "Tus-Version": "1.0.0", "Location": None}),
            ),
            created(),
            (
                Said("PATCH", "{where}", {**OCTETS, "Tus-Resumable": "1.0.1", "Upload-Offset": "0"}, CLIP),
                Heard(412, {"Tus-Version": "1.0.0"}),
            ),
            offset_is(0),
        ],
    ),
    Conversation(
        "OPTIONS tells versions, extensions, sizes and algorithms, whatever version is named",
        [
            (
                Said("OPTIONS", fields={"Tus-Resumable": "9.9.9"}, user_id=None),
                Heard(
                    204,
                    {
                        "Tus-Version": "1.0.0",
                        "Tus-Max-Size": str(1 << 20),
                        "Tus-Checksum-Algorithm": re.compile(r"(?=.*\bsha1\b)(?=.*\bsha256\b)(?=.*\bcrc32c\b).*"),
                        "Tus-Extension": re.compile(
                            "".join(
                                rf"(?=(?:.*,)?{name}(?:,|$))"
                                for name in (
                                    "creation",
                                    "creation-with-upload",
                                    "creation-defer-length",
                                    "expiration",
                                    "checksum",
                                    "checksum-trailer",
                                    "termination",
                                    "concatenation",
                                    "concatenation-unfinished",
                                )
                            )
                            + ".*"
                        ),
                    },
                ),
            )
        ],
    ),
    Conversation(
        "X-HTTP-Method-Override is the method, and the actual one is ignored",
        [
            created(),
            (
                Said("POST", "{where}", {**OCTETS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}, HEAD),
                Heard(204, {"Upload-Offset": "5000"}),
            ),
            (Said("POST", "{where}", {**TUS, "X-HTTP-Method-Override": "DELETE"}), Heard(204)),
            (Said("HEAD", "{where}", TUS), Heard(GONE, {"Upload-Offset": None})),
        ],
    ),
    Conversation(
        "HEAD tells offset and length, echoes the metadata, and is not stored",
        [
            created(Upload_Metadata="filename Yy5tcDQ=,note"),
            (
                Said("HEAD", "{where}", TUS),
                Heard(
                    (200, 204),
                    {
                        **TOLD,
                        "Upload-Offset": "0",
                        "Upload-Length": SIZE,
                        "Upload-Defer-Length": None,
                        "Upload-Metadata": "filename Yy5tcDQ=,note",
                        "Cache-Control": "no-store",
                    },
                ),
            ),
            sent(0, CLIP),
            (Said("HEAD", "{where}", TUS), Heard((200, 204), {"Upload-Offset": SIZE, "Upload-Length": SIZE})),
        ],
    ),
    Conversation(
        "what does not exist has no offset",
        [
            (Said("HEAD", "/v1/uploads/999", TUS), Heard(404, {**TOLD, "Upload-Offset": None})),
            sent(0, CLIP, Heard(404, TOLD), "/v1/uploads/999"),
            (Said("DELETE", "/v1/uploads/999", TUS), Heard(404, TOLD)),
        ],
    ),
    Conversation(
        "PATCH has its own media type, else 415",
        [
            created(),
            (
                Said(
                    "PATCH",
                    "{where}",
                    {**OCTETS, "Content-Type": "application/octet-stream", "Upload-Offset": "0"},
                    CLIP,
                ),
                Heard(415, TOLD),
            ),
            (Said("PATCH", "{where}", {**TUS, "Upload-Offset": "0"}, CLIP), Heard(415, TOLD)),
            offset_is(0),
        ],
    ),
    Conversation(
        "an offset that is not the current one is answered with 409 and changes nothing",
        [
            created(),
            sent(0, HEAD),
            sent(0, HEAD, Heard(409, TOLD)),
            sent(6000, TAIL, Heard(409, TOLD)),
            offset_is(5000),
            sent(5000, TAIL),
        ],
    ),
    Conversation(
        "an offset that is no number is refused",
        [
            created(),
            *[
                (Said("PATCH", "{where}", {**OCTETS, **offset}, CLIP), Heard(400, TOLD))
                for offset in ({}, {"Upload-Offset": "-1"}, {"Upload-Offset": "x"}, {"Upload-Offset": "0x0"})
            ],
            offset_is(0),
        ],
    ),
    Conversation(
        "more than was announced is refused and never taken",
        [
            created(),
            sent(0, HEAD),
            sent(5000, TAIL + b"x", Heard((400, 413), TOLD)),
            offset_is(5000),
            sent(5000, TAIL),
        ],
    ),
    Conversation(
        "what arrived before the client went away counts",
        [
            created(),
            (Said("PATCH", "{where}", {**OCTETS, "Upload-Offset": "0"}, [HEAD], cut_off=True), UNHEARD),
            offset_is(5000),
            sent(5000, TAIL),
        ],
    ),
    Conversation(
        "a page of any origin may read what the protocol says",
        [
            (
                Said("OPTIONS", fields={"Origin": "https://a.example", "Access-Control-Request-Method": "PATCH"}),
                Heard(
                    204, {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": re.compile(".*PATCH.*")}
                ),
            ),
            created(
                {
                    "Access-Control-Expose-Headers": re.compile(
                        "".join(
                            rf"(?=.*\b{name}\b)"
                            for name in (
                                "Location",
                                "Upload-Offset",
                                "Upload-Length",
                                "Upload-Expires",
                                "Upload-Metadata",
                                "Upload-Defer-Length",
                                "Upload-Concat",
                                "Tus-Version",
                                "Tus-Resumable",
                                "Tus-Max-Size",
                                "Tus-Extension",
                                "Tus-Checksum-Algorithm",
                            )
                        )
                        + ".*"
                    )
                }
            ),
        ],
    ),
    # creation
    Conversation(
        "a creation has a length or defers it, and not both",
        [
            (Said("POST", fields=TUS), Heard(400, TOLD)),
            (Said("POST", fields={**TUS, "Upload-Length": SIZE, "Upload-Defer-Length": "1"}), Heard(400, TOLD)),
            (Said("POST", fields={**TUS, "Upload-Defer-Length": "2"}), Heard(400, TOLD)),
            (Said("POST", fields={**TUS, "Upload-Length": "-1"}), Heard(400, TOLD)),
            (Said("POST", fields={**TUS, "Upload-Length": "1e3"}), Heard(400, TOLD)),
            (Said("POST", fields={**TUS, "Upload-Length": "9" * 40}), Heard((400, 413), TOLD)),
        ],
    ),
    Conversation(
        "what is larger than Tus-Max-Size is refused before it is sent",
        [(Said("POST", fields={**TUS, "Upload-Length": str((1 << 20) + 1)}), Heard(413, TOLD))],
    ),
    Conversation(
        "no clip is empty, so an upload of nothing is refused",
        [(Said("POST", fields={**TUS, "Upload-Length": "0"}), Heard(400, TOLD, problem="empty_upload"))],
    ),
    Conversation(
        "metadata is keys with Base64 values, each key once",
        [
            created(Upload_Metadata="filename Yw==,empty,also "),
            *[
                (Said("POST", fields={**TUS, "Upload-Length": SIZE, "Upload-Metadata": text}), Heard(400, TOLD))
                for text in ("a Yw==,a Yw==", "a %%%", "a b c", ",", "ä Yw==", "a Yw==,,b Yw==")
            ],
        ],
    ),
    # creation-defer-length
    Conversation(
        "a deferred length is told as such, fixed once, and never changed",
        [
            (Said("POST", fields={**TUS, "Upload-Defer-Length": "1"}), Heard(201, {"Location": ...})),
            (
                Said("HEAD", "{where}", TUS),
                Heard((200, 204), {"Upload-Defer-Length": "1", "Upload-Length": None, "Upload-Offset": "0"}),
            ),
            sent(0, HEAD),
            sent(5000, b"x" * 100, Upload_Length=SIZE),
            (Said("HEAD", "{where}", TUS), Heard((200, 204), {"Upload-Defer-Length": None, "Upload-Length": SIZE})),
            sent(5100, b"x", Heard(400, TOLD), Upload_Length=str(len(CLIP) + 1)),
            offset_is(5100),
        ],
    ),
    Conversation(
        "a length below what is stored already is refused",
        [
            (Said("POST", fields={**TUS, "Upload-Defer-Length": "1"}), Heard(201)),
            sent(0, HEAD),
            sent(5000, b"", Heard((400, 413), TOLD), Upload_Length="4999"),
            offset_is(5000),
        ],
    ),
    # creation-with-upload
    Conversation(
        "a creation may carry the first bytes, or all",
        [
            (
                Said("POST", fields={**OCTETS, "Upload-Length": SIZE}, body=HEAD),
                Heard(201, {"Location": ..., "Upload-Offset": "5000", "Upload-Expires": DATE}),
            ),
            sent(5000, TAIL),
            (
                Said("POST", fields={**OCTETS, "Upload-Length": SIZE}, body=CLIP),
                Heard(201, {"Upload-Offset": SIZE}),
            ),
            (Said("POST", fields={**TUS, "Upload-Length": SIZE, "Content-Type": "text/plain"}, body=HEAD), Heard(415)),
        ],
    ),
    # expiration
    Conversation(
        "the end is told with the creation and each append, and then the upload is gone",
        [
            created({"Upload-Expires": DATE}),
            sent(0, HEAD),
            Later(LIFETIME_MS + 1),
            (Said("HEAD", "{where}", TUS), Heard(GONE, {**TOLD, "Upload-Offset": None})),
            sent(5000, TAIL, Heard(GONE, TOLD)),
        ],
    ),
    # checksum and checksum-trailer
    Conversation(
        "a checksum that holds is taken; one that does not is answered with 460 and leaves the offset",
        [
            created(),
            sent(0, HEAD, Upload_Checksum=checksum("sha1", HEAD)),
            sent(5000, TAIL, Heard(460, TOLD), Upload_Checksum=checksum("sha1", HEAD)),
            offset_is(5000),
            sent(5000, TAIL, Upload_Checksum=checksum("sha256", TAIL)),
        ],
    ),
    Conversation(
        "an algorithm that was not announced, and a malformed checksum, are refused",
        [
            created(),
            *[
                sent(0, HEAD, Heard(400, TOLD), Upload_Checksum=text)
                for text in ("md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1 ???", "sha1", "sha1 Kq5s", "")
            ],
            offset_is(0),
        ],
    ),
    Conversation(
        "a checksum may come as a trailer, and is judged the same",
        [
            created(),
            (
                Said(
                    "PATCH",
                    "{where}",
                    {**OCTETS, "Upload-Offset": "0", "Trailer": "Upload-Checksum"},
                    [HEAD],
                    {"Upload-Checksum": checksum("sha1", HEAD)},
                ),
                Heard(204, {"Upload-Offset": "5000"}),
            ),
            (
                Said(
                    "PATCH",
                    "{where}",
                    {**OCTETS, "Upload-Offset": "5000", "Trailer": "Upload-Checksum"},
                    [TAIL],
                    {"Upload-Checksum": checksum("sha1", HEAD)},
                ),
                Heard(460, TOLD),
            ),
            offset_is(5000),
        ],
    ),
    # termination
    Conversation(
        "a deleted upload is gone",
        [
            created(),
            sent(0, HEAD),
            (Said("DELETE", "{where}", TUS), Heard(204, TOLD)),
            (Said("HEAD", "{where}", TUS), Heard(GONE, {"Upload-Offset": None})),
            (Said("DELETE", "{where}", TUS), Heard(GONE)),
        ],
    ),
    # concatenation and concatenation-unfinished
    Conversation(
        "partial uploads say so, and become one that says of what",
        [
            (Said("POST", fields={**PARTIAL, "Upload-Length": "5000"}, named="a"), Heard(201)),
            (Said("POST", fields={**PARTIAL, "Upload-Length": str(len(TAIL))}, named="b"), Heard(201)),
            (Said("HEAD", "{a}", TUS), Heard((200, 204), {"Upload-Concat": "partial", "Upload-Offset": "0"})),
            (
                Said("POST", fields={**TUS, "Upload-Concat": "final;{a} {b}"}, named="c"),
                Heard(201, {"Location": ...}),
            ),
            (
                Said("HEAD", "{c}", TUS),
                Heard((200, 204), {"Upload-Concat": re.compile("final;.*"), "Upload-Offset": None}),
            ),
            sent(0, HEAD, Heard(403, TOLD), "{c}"),
            sent(0, HEAD, where="{a}"),
            sent(0, TAIL, where="{b}"),
            (Said("HEAD", "{c}", TUS), Heard((200, 204), {"Upload-Offset": SIZE, "Upload-Length": SIZE})),
        ],
    ),
    Conversation(
        "a final upload has no length of its own, and no part that is not there",
        [
            (Said("POST", fields={**PARTIAL, "Upload-Length": "5000"}, named="a"), Heard(201)),
            (
                Said("POST", fields={**TUS, "Upload-Concat": "final;{a}", "Upload-Length": "5000"}),
                Heard(400, TOLD),
            ),
            (Said("POST", fields={**TUS, "Upload-Concat": "final;{a} /v1/uploads/999"}), Heard((400, 404), TOLD)),
            (Said("POST", fields={**TUS, "Upload-Concat": "final;"}), Heard(400, TOLD)),
            (Said("POST", fields={**TUS, "Upload-Concat": "whole", "Upload-Length": SIZE}), Heard(400, TOLD)),
        ],
    ),
    # Whose it is
    Conversation(
        "the address of somebody else's upload is of no use",
        [
            created(),
            (Said("HEAD", "{where}", TUS, user_id=8), Heard(403, TOLD)),
            (Said("PATCH", "{where}", {**OCTETS, "Upload-Offset": "0"}, CLIP, user_id=8), Heard(403, TOLD)),
            (Said("DELETE", "{where}", TUS, user_id=8), Heard(403, TOLD)),
            (Said("HEAD", "{where}", TUS, user_id=None), Heard(401, TOLD)),
            offset_is(0),
        ],
    ),
]


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=str)
async def test_tus(joining: World, conversation: Conversation) -> None:
    await hold(joining, conversation)
