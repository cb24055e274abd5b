"""How a bucket is prepared where the server offers all of S3's configurations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from origin.objects import check_direct_uploads, prepare_objects
from tests.origin.s3_scripted import ScriptedS3, scripted_s3

THEIRS = b"""<LifecycleConfiguration><Rule><ID>theirs</ID><Status>Enabled</Status>
<Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>"""


@pytest.fixture
async def server() -> AsyncIterator[ScriptedS3]:
    async with scripted_s3() as server:
        yield server


def url(server: ScriptedS3, bucket: str, more: str = "") -> str:
    return f"s3://key:secret@{bucket}?endpoint={server.endpoint}&region=eu-west-1{more}"


async def test_a_bucket_is_made_in_its_region_with_a_rule_that_ends_abandoned_multiparts(server):
    lines = await prepare_objects(url(server, "clips"))
    assert [line.partition(": ")[2] for line in lines] == [
        "made the bucket",
        "set lifecycle rules for abandoned multiparts",
        "let pages send the parts of direct uploads",
    ]
    assert b"<LocationConstraint>eu-west-1<" in server.documents["clips", "list-type"]
    assert b"AbortIncompleteMultipartUpload" in server.documents["clips", "lifecycle"]
    assert list(await prepare_objects(url(server, "clips"))) == []


async def test_a_server_that_refuses_the_rule_has_its_multiparts_swept(server):
    server.refused.add("lifecycle")
    lines = await prepare_objects(url(server, "clips"))
    assert "our own sweep" in lines[1]
    assert list(await prepare_objects(url(server, "clips"))) == []


async def test_the_rules_of_others_stay(server):
    server.documents["clips", "list-type"] = b"<ListBucketResult/>"
    server.documents["clips", "lifecycle"] = THEIRS
    await prepare_objects(url(server, "clips"))
    for rule in (b"theirs", b"logs/", b"reelway-abandoned-multiparts"):
        assert rule in server.documents["clips", "lifecycle"]


async def test_a_replica_gets_versioning_old_versions_end_and_the_rule_names_it(server):
    replica = quote(url(server, "copies"), safe="")
    with_role = url(server, "clips", f"&replica={replica}&replication_role=arn:aws:iam::1:role/copy")
    lines = await prepare_objects(with_role)
    assert "set the replication rule" in lines[-1]
    for bucket in ("clips", "copies"):
        assert b"Enabled" in server.documents[bucket, "versioning"]
        assert b"NoncurrentVersionExpiration" in server.documents[bucket, "lifecycle"]
    assert b"arn:aws:s3:::copies" in server.documents["clips", "replication"]
    assert b"role/copy" in server.documents["clips", "replication"]
    assert list(await prepare_objects(with_role)) == []


async def test_without_a_role_it_is_said_what_to_give(server):
    lines = await prepare_objects(url(server, "clips", f"&replica={quote(url(server, 'copies'), safe='')}"))
    assert "replication_role=" in lines[-1]
    assert ("clips", "replication") not in server.documents
    assert "secret" not in "".join(lines)


THEIR_CORS = b"""<CORSConfiguration><CORSRule><ID>theirs</ID><AllowedOrigin>https://a.example</AllowedOrigin>
<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"""


async def test_pages_may_send_parts_and_the_cors_rules_of_others_stay(server):
    server.documents["clips", "list-type"] = b"<ListBucketResult/>"
    server.documents["clips", "cors"] = THEIR_CORS
    before = await check_direct_uploads(url(server, "clips"))
    assert (before.works, "`reelway migrate` sets" in before.line()) == (False, True)
    await prepare_objects(url(server, "clips"))
    for word in (b"theirs", b"https://a.example", b"<AllowedMethod>PUT<", b"<ExposeHeader>ETag<"):
        assert word in server.documents["clips", "cors"]
    after = await check_direct_uploads(url(server, "clips"))
    assert (after.works, "may send parts" in after.line()) == (True, True)
    assert list(await prepare_objects(url(server, "clips"))) == []


async def test_a_server_without_cors_rules_is_left_to_the_operator(server):
    server.refused.add("cors")
    assert not any("pages" in line for line in await prepare_objects(url(server, "clips")))


async def test_files_take_nothing_from_pages(tmp_path):
    assert await check_direct_uploads(f"file://{tmp_path}") is None
