"""What every answer of the gateway gets, and what never reaches a route."""

from __future__ import annotations

import gzip
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.gateway import fields, limit_fields, waf
from edge.gateway.limits import Policy
from edge.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from conftest import Client


async def test_a_request_id_is_taken_when_well_formed_and_made_otherwise(client: Client) -> None:
    taken = await client.ask("GET", "/v1/videos/11", headers={"X-Request-Id": "abc-123_DEF.9"})
    assert taken.headers["x-request-id"] == "abc-123_DEF.9"
    for bad in ("short", "with space and more", "x" * 65, "a\u00e4bcdefgh"):
        made = await client.ask("GET", "/v1/videos/11", headers={"X-Request-Id": bad})
        assert made.headers["x-request-id"] != bad
        assert len(made.headers["x-request-id"]) == 16


async def test_every_request_leaves_one_record(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "reelway.access"):
        await client.ask("GET", "/v1/videos/11?x=secret")
    (record,) = [each for each in caplog.records if each.name == "reelway.access"]
    known: dict[str, Any] = record.__dict__
    assert (known["status"], known["user_id"], known["client"], known["path"]) == (
        200,
        "1",
        "192.0.2.1",
        "/v1/videos/11",
    )
    assert known["sent_bytes"] > 100
    assert "secret" not in record.getMessage()
    assert client.services.stats.requests["read 200"] == 1


async def test_the_api_may_be_called_from_any_page(client: Client) -> None:
    answer = await client.ask("GET", "/v1/videos/99")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    for name in ("Upload-Offset", "Location", "Tus-Resumable", "Reelway-Video-Id", "RateLimit"):
        assert name in answer.headers["access-control-expose-headers"]
    asking = {"Origin": "https://app.example", "Access-Control-Request-Method": "PATCH"}
    preflight = await client.ask("OPTIONS", "/v1/uploads/5", user_id=None, headers=asking)
    assert preflight.status == 204
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    for name in ("Upload-Offset", "Authorization", "Tus-Resumable", "Upload-Draft-Interop-Version"):
        assert name in preflight.headers["access-control-allow-headers"]


async def test_the_page_has_a_strict_policy_and_local_hosts_no_hsts(client: Client, remake: Any) -> None:
    policy = (await client.ask("GET", "/watch/11")).headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "media-src 'self' blob: data: https://localhost:8444" in policy
    assert "unsafe" not in policy
    api = (await client.ask("GET", "/v1/videos/11")).headers
    assert api["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert api["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in api
    public = remake(GatewaySettings("https://reelway.example", "https://cdn.example", policies=()))
    assert "strict-transport-security" in (await public.ask("GET", "/v1/videos/11")).headers


async def test_json_is_compressed_for_those_who_take_it(client: Client) -> None:
    client.feed.video_ids = (11, 12, 13)
    plain = await client.ask("GET", "/v1/feed")
    assert "content-encoding" not in plain.headers
    small = await client.ask("GET", "/v1/feed", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(small.body) == plain.body
    refused = await client.ask("GET", "/v1/feed", headers={"Accept-Encoding": "gzip;q=0, *"})
    assert "content-encoding" not in refused.headers


async def test_a_head_answer_has_no_body(client: Client) -> None:
    answer = await client.ask("HEAD", "/v1/videos/11")
    assert (answer.status, answer.body) == (200, b"")


async def test_over_its_rate_a_user_is_told_to_wait_and_others_go_on(remake: Any) -> None:
    client = remake(GatewaySettings("https://x", "https://y", policies=(Policy("read", 2, 60),)))
    one = await client.ask("GET", "/v1/videos/11")
    assert one.headers["ratelimit"] == '"read";r=1;t=30'
    assert one.headers["ratelimit-policy"] == '"read";q=2;w=60'
    await client.ask("GET", "/v1/videos/11")
    over = await client.ask("GET", "/v1/videos/11")
    assert (over.status, over.code, over.headers["retry-after"]) == (429, "rate_limited", "30")
    assert over.headers["ratelimit"] == '"read";r=0;t=60'
    assert (await client.ask("GET", "/v1/videos/11", user_id=2)).status == 200
    assert (await client.ask("GET", "/v1/videos/11", user_id=None)).status == 200
    assert (await client.ask("PUT", "/v1/videos/11/like")).status == 204
    assert client.services.stats.limited["read"] == 1


@pytest.mark.parametrize(
    ("client_address", "key"),
    [
        ("192.0.2.7", "a192.0.2.7"),
        ("::ffff:192.0.2.7", "a192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "a20010db800010002::/64"),
        ("unix", "aunix"),
    ],
)
def test_an_address_without_a_token_has_a_bucket(client_address: str, key: str) -> None:
    assert limit_fields.bucket_key(None, client_address) == key
    assert limit_fields.bucket_key(5, client_address) == "u5"


def judged(
    method: str = "GET",
    path: str = "/v1/feed",
    query: bytes = b"",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    raw: bytes | None = None,
) -> waf.Reason | None:
    verdict = waf.inspect(method, path, raw if raw is not None else path.encode(), query, headers, waf.Filter())
    return verdict.reason if isinstance(verdict, waf.Blocked) else None


JSON = (b"content-type", b"application/json; charset=utf-8")


def test_what_clients_send_passes() -> None:
    assert judged() is None
    assert judged("POST", "/v1/interactions", headers=(JSON, (b"content-length", b"100"))) is None
    assert judged("POST", "/v1/sessions", headers=((b"content-length", b"0"),)) is None
    assert judged("PUT", "/v1/videos/1/like") is None
    assert (
        judged("PATCH", "/v1/uploads/1", headers=((b"content-length", b"200000000"), (b"content-type", b"x/y"))) is None
    )
    assert judged(path="/watch/größe", raw=b"/watch/gr%C3%B6%C3%9Fe") is None


def test_each_reason_stops_its_request() -> None:
    reason = waf.Reason
    assert judged("TRACE") is reason.METHOD
    assert judged("CONNECT") is reason.METHOD
    assert judged(path="/" + "a" * 5000) is reason.TARGET_TOO_LONG
    assert judged(path="/app/../../etc/passwd") is reason.PATH_TRAVERSAL
    assert judged(path="/app/../x", raw=b"/app/%2e%2e/x") is reason.PATH_TRAVERSAL
    assert judged(path="/app//x/y", raw=b"/app/%2Fx/y") is reason.PATH_TRAVERSAL
    assert judged(path="/app/..\\x") is reason.PATH_TRAVERSAL
    assert judged(path="/a\x00b", raw=b"/a%00b") is reason.CONTROL_BYTES
    assert judged(query=b"cursor=%0d%0aSet-Cookie:x") is reason.CONTROL_BYTES
    assert judged(headers=((b"x", b"a\x00b"),)) is reason.CONTROL_BYTES
    assert judged(headers=((b"x", b"y"),) * 65) is reason.HEADER_COUNT
    assert judged(headers=((b"x", b"y" * 17000),)) is reason.HEADER_SIZE
    assert judged("POST", headers=(JSON, (b"content-length", b"2000000"))) is reason.BODY_SIZE
    assert judged("POST", headers=(JSON, (b"content-length", b"1, 2"))) is reason.BODY_LENGTH
    assert judged("POST", headers=(JSON, (b"content-length", b"9" * 5000))) is reason.BODY_LENGTH
    assert judged("POST", headers=((b"content-length", b"5"), (b"content-type", b"text/xml"))) is reason.CONTENT_TYPE
    assert judged("POST", headers=((b"content-length", b"5"),)) is reason.CONTENT_TYPE
    assert judged(query=b"a=1&access_token=x") is reason.TOKEN_IN_QUERY


def test_every_reason_has_an_answer() -> None:
    for reason in waf.Reason:
        problem = waf.problem_of(waf.Blocked(reason, "why"), waf.Filter())
        assert 400 <= problem.status < 500
        assert problem.code == reason.value


async def test_a_blocked_request_gets_a_problem_and_is_counted(client: Client) -> None:
    answer = await client.ask("GET", "/v1/feed?token=abc")
    assert (answer.status, answer.code) == (400, "token_in_query")
    assert client.services.stats.refused["token_in_query"] == 1
    traced = await client.ask("TRACE", "/v1/feed")
    assert (traced.status, "PATCH" in traced.headers["allow"]) == (405, True)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]),
    path=st.text(max_size=40).map(lambda text: "/" + text),
    query=st.binary(max_size=60),
    body=st.binary(max_size=60),
    values=st.lists(st.tuples(st.sampled_from(["content-type", "authorization", "x-request-id", "accept-encoding",
        "if-none-match", "content-length"]), st.text(max_size=30)), max_size=4),
)  # fmt: skip
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_request_makes_the_gateway_break(
    client: Client, method: str, path: str, query: bytes, body: bytes, values: list[tuple[str, str]]
) -> None:
    headers = {name: value.encode("utf-8").decode("latin-1") for name, value in values}
    answer = await client.send(method, path, query.decode("latin-1"), headers, body)
    assert 200 <= answer.status < 500
    assert client.services.stats.errors == 0


def test_preflights_are_told_from_the_options_of_upload_clients() -> None:
    assert not fields.is_preflight("OPTIONS", [(b"tus-resumable", b"1.0.0"), (b"origin", b"https://a")])
    assert fields.is_preflight("OPTIONS", [(b"origin", b"https://a"), (b"access-control-request-method", b"POST")])


async def test_bad_tokens_are_limited_by_address(remake: Any) -> None:
    client = remake(GatewaySettings("https://x", "https://y", policies=(Policy("read", 1, 60),)))
    forged = {"Authorization": "Bearer a.b.c"}
    assert (await client.ask("GET", "/v1/feed", user_id=None, headers=forged)).status == 401
    assert (await client.ask("GET", "/v1/feed", user_id=None, headers=forged)).status == 429
    assert client.services.stats.unauthenticated == 2


def test_route_classes() -> None:
    kind = limit_fields.route_class
    assert [kind(method, "/v1/uploads") for method in ("POST", "PUT", "OPTIONS")] == [
        "create_upload",
        "create_upload",
        "upload",
    ]
    assert kind("PATCH", "/v1/uploads/1") == "upload"
    assert kind("POST", "/v1/sessions") == "sessions"
    assert kind("DELETE", "/v1/videos/1/like") == "write"
    assert kind("GET", "/v1/feed") == "read"
    assert kind("GET", "/app/main.js") == "site"


@pytest.mark.parametrize(
    "path",
    [
        "//v1/sessions",
        "///v1/sessions",
        "/v1//sessions",
        "/v1/sessions//",
        "http://evil.example/v1/sessions",
        "x:/v1/sessions",
        "",
    ],
)
async def test_no_spelling_of_a_path_gets_round_its_rate_limit(remake: Any, path: str) -> None:
    settings = GatewaySettings("https://x", "https://y", policies=(Policy("sessions", 1, 60),))
    client = remake(settings)
    answers = [await client.ask("POST", path, {}, headers={"Host": "evil.example"}) for _ in range(3)]
    assert {answer.code for answer in answers} == {"path_traversal"}
    assert all("location" not in answer.headers for answer in answers)
