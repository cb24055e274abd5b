"""One attempt at a real receiver on loopback, which misbehaves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from standardwebhooks.webhooks import Webhook

from deploy.clock import now_ms
from deploy.tls import ensure_pair
from origin.webhooks.sender import MOST_ERROR_CHARACTERS, Sender, SenderSettings
from origin.webhooks.signature import parse_secret, signed
from origin.webhooks.target import Address, Reach, Target, parse_target
from tests.origin.webhooks.receiver import answered, receiving

SECRET, OLD_SECRET = "whsec_" + "QUJD" * 8, "whsec_" + "REVG" * 8
HERE = Reach(loopback=True)
BODY = b'{"type":"video.ready"}'
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"


@asynccontextmanager
async def sending(*given, **named):
    sender = Sender(*given, **named)
    try:
        yield sender
    finally:
        await sender.close()


def at(port: int, scheme: str = "http", host: str = "localhost") -> Target:
    return Target(scheme, host, port, "/hook?a=b")


def always(*addresses: str):
    async def resolve(host: str, port: int) -> Sequence[Address]:
        return [ip_address(each) for each in addresses]

    return resolve


async def test_a_message_arrives_signed_so_that_another_implementation_verifies_it_under_each_valid_secret():
    fields = signed([parse_secret(SECRET), parse_secret(OLD_SECRET)], "msg_1", now_ms() // 1000, BODY)
    async with receiving(answered("204 No Content")) as receiver, sending(HERE) as sender:
        answer = await sender.send(at(receiver.port), fields, BODY)
    assert (answer.status, answer.error) == (204, "")
    line, got, body = receiver.requests[0]
    assert line == "POST /hook?a=b HTTP/1.1"
    assert got["host"] == f"localhost:{receiver.port}"
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(body.decode(), got) == {"type": "video.ready"}


async def test_a_redirect_is_told_and_not_followed():
    async with receiving(answered("200 OK")) as inner:
        away = answered("307 Temporary Redirect", f"location: http://127.0.0.1:{inner.port}/")
        async with receiving(away) as receiver, sending(HERE) as sender:
            answer = await sender.send(at(receiver.port), {}, BODY)
    assert answer.status == 307
    assert not inner.requests


async def test_an_answer_without_end_is_left_at_its_head():
    async with receiving(ENDLESS, endless=True) as receiver, sending(HERE) as sender:
        answer = await sender.send(at(receiver.port), {}, BODY)
        assert answer.status == 200
        await asyncio.wait_for(receiver.left.wait(), 5)


async def test_a_head_without_end_is_left_too():
    async with receiving(b"HTTP/1.1 200 OK\r\nx: ", endless=True) as receiver, sending(HERE) as sender:
        answer = await sender.send(at(receiver.port), {}, BODY)
        assert answer.status is None
        assert answer.error
        await asyncio.wait_for(receiver.left.wait(), 5)


async def test_where_a_name_leads_inside_is_not_told():
    async with sending(Reach(), resolve=always("10.20.30.40")) as sender:
        answer = await sender.send(at(443, "https", "db.internal.example"), {}, BODY)
    assert answer.error == "the host has an address that is not public"


async def test_a_receiver_that_says_nothing_is_given_up_after_the_whole_time():
    async with receiving(None) as receiver, sending(HERE, SenderSettings(whole_s=0.2)) as sender:
        answer = await sender.send(at(receiver.port), {}, BODY)
    assert (answer.status, answer.error) == (None, "no answer within 0.2 s")


async def test_what_a_receiver_asks_by_retry_after_is_told():
    async with receiving(answered("429 Too Many Requests", "retry-after: 120")) as receiver, sending(HERE) as sender:
        answer = await sender.send(at(receiver.port), {}, BODY)
    assert (answer.status, answer.retry_after) == (429, "120")


async def test_what_is_kept_of_an_ill_formed_answer_is_short():
    async with receiving(b"HTTP/1.1 200 OK\r\n" + b"\0" * 90_000 + b"\r\n\r\n") as receiver, sending(HERE) as sender:
        answer = await sender.send(at(receiver.port), {}, BODY)
    assert answer.status is None
    assert 0 < len(answer.error) <= MOST_ERROR_CHARACTERS


async def test_a_port_where_nobody_listens_is_told():
    async with receiving(None) as receiver:
        port = receiver.port
    async with sending(HERE) as sender:
        answer = await sender.send(at(port), {}, BODY)
    assert answer.status is None
    assert answer.error


async def test_an_answer_that_is_no_http_is_told():
    async with receiving(b"220 mail.example ESMTP\r\n\r\n") as receiver, sending(HERE) as sender:
        answer = await sender.send(at(receiver.port), {}, BODY)
    assert answer.status is None
    assert answer.error


@pytest.mark.parametrize("found", [["127.0.0.1"], ["::ffff:127.0.0.1"], ["93.184.216.34", "127.0.0.1"], []])
async def test_a_name_that_resolves_to_this_machine_is_not_connected_to(found):
    async with receiving(answered("200 OK")) as receiver, sending(Reach(), resolve=always(*found)) as sender:
        answer = await sender.send(at(receiver.port, "https", "innocent.example"), {}, BODY)
    assert answer.status is None
    assert "address" in answer.error
    assert not receiver.requests


async def test_the_address_that_was_judged_is_the_one_connected_to_though_the_dns_changes_its_mind():
    asked = []

    async def rebinding(host: str, port: int) -> Sequence[Address]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "127.0.0.2")]

    async with receiving(answered("200 OK")) as receiver, sending(HERE, resolve=rebinding) as sender:
        answer = await sender.send(at(receiver.port, host="rebound.example"), {}, BODY)
    assert answer.status == 200
    assert asked == ["rebound.example"]


async def test_the_next_address_is_tried_where_the_first_refuses():
    async with receiving(answered("200 OK")) as receiver, sending(HERE, resolve=always("::1", "127.0.0.1")) as sender:
        answer = await sender.send(at(receiver.port), {}, BODY)
    assert answer.status == 200


@pytest.mark.parametrize(("host", "status"), [("localhost", 200), ("other.example", None)])
async def test_tls_proves_the_name_though_the_connection_is_made_to_an_address(tmp_path, host, status):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    ensure_pair(certificate, key, now_ms())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    trust = ssl.create_default_context(cafile=str(certificate))
    async with (
        receiving(answered("200 OK"), tls=tls) as receiver,
        sending(HERE, resolve=always("127.0.0.1"), verify=trust) as sender,
    ):
        answer = await sender.send(at(receiver.port, "https", host), {}, BODY)
    assert answer.status == status
    assert ("certificate" in answer.error) is (status is None)


async def test_no_more_attempts_than_allowed_are_under_way():
    resolving, gate = 0, asyncio.Event()

    async def waits(host: str, port: int) -> Sequence[Address]:
        nonlocal resolving
        resolving += 1
        await gate.wait()
        return [ip_address("127.0.0.1")]

    async with receiving(answered("200 OK")) as receiver, sending(HERE, SenderSettings(at_once=2), waits) as sender:
        sent = [asyncio.create_task(sender.send(at(receiver.port), {}, BODY)) for _ in range(5)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert resolving == 2
        gate.set()
        assert [answer.status for answer in await asyncio.gather(*sent)] == [200] * 5


async def test_a_url_goes_from_its_text_to_the_receiver():
    async with receiving(answered("200 OK")) as receiver, sending(HERE) as sender:
        target = parse_target(f"http://127.0.0.1:{receiver.port}?x=1", HERE)
        assert (await sender.send(target, {}, BODY)).status == 200
    assert receiver.requests[0][0] == "POST /?x=1 HTTP/1.1"
