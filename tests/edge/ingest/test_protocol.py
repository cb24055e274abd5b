"""The upload protocols as rules: parsers that take any bytes, decisions that hold for any request."""

from __future__ import annotations

import base64
import contextlib
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.gateway import waf
from edge.ingest import checksums, protocol, wire
from edge.ingest.checksums import Checks
from edge.ingest.exchange import request_of
from edge.ingest.model import (
    MOST_PARTS,
    PREFIX,
    Accept,
    Append,
    Cancel,
    Create,
    Protocol,
    Reject,
    Report,
    Rules,
    Speech,
    UploadRequest,
    UploadState,
)
from edge.ingest.wire import BadField
from origin.clips import first_bytes_fit

NOW_MS = 1_767_225_600_000
RULES = Rules(1000, NOW_MS)
TUS = {"tus-resumable": "1.0.0"}
FIELDS = (
    "tus-resumable",
    "upload-length",
    "upload-defer-length",
    "upload-offset",
    "upload-metadata",
    "upload-checksum",
    "upload-complete",
    "upload-draft-interop-version",
    "content-type",
    "x-http-method-override",
    "reelway-description",
    "upload-incomplete",
    "upload-concat",
    "content-digest",
    "repr-digest",
    "trailer",
)
VALUES = (
    st.sampled_from(
        [
            "1.0.0",
            "0",
            "1",
            "10",
            "500",
            "1000",
            "1001",
            "-1",
            "?0",
            "?1",
            "?2",
            "5",
            "6",
            "7",
            "8",
            "9",
            "3",
            "PATCH",
            "application/offset+octet-stream",
            "application/partial-upload",
            "partial",
            "final;/v1/uploads/1 https://localhost/v1/uploads/2",
            "sha-256=:AAAA:",
            f"sha-512=:{'A' * 86}==:, md5=:AAAA:",
            "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "Upload-Checksum, Content-Digest",
        ]
    )
    | st.text(max_size=30)
    | st.integers().map(str)
)
REQUESTS = st.builds(
    UploadRequest,
    st.sampled_from(["POST", "PUT", "PATCH", "HEAD", "DELETE", "OPTIONS", "GET"]),
    st.dictionaries(st.sampled_from(FIELDS), VALUES),
    st.none() | st.integers(0, 2000),
)
STATES = st.builds(
    lambda offset, more, known, ended, late, parts: UploadState(
        1, 2, offset, offset + more if known or ended else None, "", ended and more == 0, NOW_MS + late, parts
    ),
    st.integers(0, 1000),
    st.integers(0, 50),
    st.booleans(),
    st.booleans(),
    st.integers(-10, 10),
    st.integers(0, 20) | st.just(MOST_PARTS),
)


WHOLE = UploadState(1, 2, 10, 10, "", True, NOW_MS + 1)


@given(REQUESTS)
@settings(max_examples=500)
def test_any_request_to_the_collection_is_decided_and_refusals_are_client_errors(request: UploadRequest) -> None:
    decision = protocol.decide_collection(request, RULES)
    match decision:
        case Reject(problem, _):
            assert 400 <= problem.status < 500
        case Create(_, length, _, _, _, _, _):
            assert length is None or 0 < length <= RULES.max_bytes
        case Report(status, _, _):
            assert status == 204
        case Append() | Cancel():
            raise AssertionError(decision)


PLAUSIBLE = st.sampled_from(
    [
        {},
        {**TUS, "content-type": "application/offset+octet-stream"},
        {"content-type": "application/partial-upload", "upload-complete": "?0"},
        {"content-type": "application/partial-upload", "upload-complete": "?1"},
    ]
)


@given(REQUESTS, STATES, PLAUSIBLE)
@settings(max_examples=600)
def test_an_append_is_accepted_only_at_the_offset_and_within_the_length(
    request: UploadRequest, state: UploadState, plausible: dict[str, str]
) -> None:
    if plausible:
        headers = {**request.headers, **plausible, "upload-offset": str(state.offset)}
        request = UploadRequest("PATCH", headers, request.content_length)
    decision = protocol.decide_resource(request, state, RULES)
    assert not isinstance(decision, Create)
    if isinstance(decision, Append):
        assert int(request.headers["upload-offset"].partition(";")[0]) == state.offset
        assert state.parts < MOST_PARTS
        assert decision.allowance >= 0
        assert decision.length is None or decision.length == state.offset + decision.allowance <= RULES.max_bytes
        assert state.length is None or decision.length == state.length
        assert (request.content_length or 0) <= decision.allowance
    if isinstance(decision, Append | Cancel):
        assert state.finished or state.expires_at_ms > NOW_MS


@given(REQUESTS, STATES)
@settings(max_examples=300)
def test_every_tus_answer_names_the_version(request: UploadRequest, state: UploadState) -> None:
    spoken = UploadRequest(request.method, {**request.headers, **TUS}, request.content_length)
    decision = protocol.decide_resource(spoken, state, RULES)
    if isinstance(decision, Reject | Report):
        assert ("Tus-Resumable", "1.0.0") in decision.fields


HEADS = st.lists(
    st.tuples(
        st.sampled_from(FIELDS).map(str.encode),
        VALUES.map(lambda text: text.encode("latin-1", "replace")) | st.binary(max_size=20),
    )
    | st.tuples(st.just(b"content-length"), st.sampled_from([b"0", b"5", b" 5 ", b"05", b"9" * 15, b"-1", b"5, 5"])),
    max_size=12,
)


@given(st.sampled_from(["POST", "PATCH", "HEAD", "DELETE", "OPTIONS"]), HEADS, STATES)
@settings(max_examples=200)
@example("PATCH", [(b"content-length", b"5"), (b"content-length", b"5")], WHOLE)
def test_every_head_that_the_filter_lets_through_is_answered(
    method: str, headers: list[tuple[bytes, bytes]], state: UploadState
) -> None:
    for path in (PREFIX, f"{PREFIX}/1"):
        if isinstance(waf.inspect(method, path, path.encode(), b"", headers, waf.Filter()), waf.Passed):
            request = request_of({"method": method, "headers": headers})
            protocol.decide_collection(request, RULES)
            protocol.decide_resource(request, state, RULES)


@given(st.text(max_size=80))
@settings(max_examples=500)
def test_no_text_breaks_a_parser(text: str) -> None:
    for parser in (
        lambda: wire.whole_number("x", text),
        lambda: wire.sf_integer("x", text),
        lambda: wire.sf_boolean("x", text),
        lambda: wire.upload_metadata(text),
        lambda: wire.upload_checksum(text),
        lambda: wire.percent_encoded("x", text),
        lambda: wire.content_digest(text),
        lambda: wire.repr_digest(text),
        lambda: wire.final_upload(text, PREFIX),
        lambda: wire.final_upload(f"final;{text}", PREFIX),
        lambda: checksums.of_head({"trailer": text, "upload-checksum": text}, (checksums.UPLOAD_CHECKSUM,)),
        lambda: Checks(trailing=(checksums.UPLOAD_CHECKSUM,)).all({"upload-checksum": text}),
    ):
        with contextlib.suppress(BadField):
            parser()


@given(st.dictionaries(st.from_regex(r"[a-zA-Z0-9_.-]{1,12}", fullmatch=True), st.binary(max_size=20), max_size=16))
def test_metadata_is_read_as_it_was_written(values: dict[str, bytes]) -> None:
    text = ",".join(f"{key} {base64.b64encode(value).decode()}" if value else key for key, value in values.items())
    assert wire.upload_metadata(text) == values


@pytest.mark.parametrize("text", ["a b c", " ,a", "a YQ==,", "a\tYQ==", "ä YQ==", "a YQ", "a YQ==,a"])
def test_malformed_metadata_is_refused(text: str) -> None:
    with pytest.raises(BadField, match="Upload-Metadata"):
        wire.upload_metadata(text)


def test_the_checksum_of_the_specification_is_read() -> None:
    checksum = wire.upload_checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=")
    assert checksum.digest.hex() == "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"


@pytest.mark.parametrize(("text", "value"), [("?1", True), ("?0", False), (" ?1 ", True), ("?1;a=b", True)])
def test_booleans_may_have_parameters(text: str, value: bool) -> None:
    assert wire.sf_boolean("x", text) is value


@given(st.lists(st.integers(0, 40), max_size=5), st.binary(max_size=30))
def test_first_bytes_are_judged_the_same_however_they_are_cut(cuts: list[int], rest: bytes) -> None:
    for data in (b"\x00\x00\x00\x18ftyp" + rest, b"\x00\x00\x00\x18moov" + rest, rest):
        edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
        pieces = [(start, data[start:end]) for start, end in pairwise(edges)]
        whole = data[4:8] == b"ftyp"[: len(data[4:8])]
        assert all(first_bytes_fit(start, piece) for start, piece in pieces) == whole


def test_accepting_is_a_closed_union() -> None:
    assert Accept == Create | Append | Cancel
    assert protocol.is_whole(Speech(Protocol.TUS), completes=False, offset=5, length=5) is True
