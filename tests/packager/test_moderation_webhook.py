"""Moderation by webhook: a receiver on a real socket that answers as scripted, and the rules of what is said."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.retry import Backoff
from packager.moderation import (
    Allow,
    Evidence,
    ModerationUnavailable,
    Reject,
    Review,
    UnknownModeration,
    open_moderation,
)
from packager.moderation.hook import MOST_ANSWER_BYTES, NoVerdict, parse_hook, read_verdict
from packager.moderation.webhook import ATTEMPTS, WebhookModeration

NOW_MS = 1_800_000_000_123
SECRET = "a secret of 24 letters.."
ALLOW = b'{"verdict": "allow"}'


@dataclass
class Receiver:
    """Gives one answer a request, the last for ever; None hangs up."""

    answers: list[bytes | None]
    port: int = 0
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:] if line}
            self.requests.append((fields, await reader.readexactly(int(fields["content-length"]))))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        finally:
            writer.close()


def answered(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body


@asynccontextmanager
async def receiving(*answers: bytes | None) -> AsyncIterator[tuple[Receiver, WebhookModeration]]:
    receiver = Receiver(list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    hook = parse_hook(f"webhook:http://:{SECRET.replace(' ', '%20')}@127.0.0.1:{receiver.port}/judge")
    backend = WebhookModeration(hook, lambda: NOW_MS, Backoff(base_s=0.001, cap_s=0.001))
    yield receiver, backend
    await backend.close()
    server.close()
    await server.wait_closed()


@pytest.fixture
def clip(tmp_path: Path) -> Evidence:
    (tmp_path / "0.jpg").write_bytes(b"\xff\xd8picture")
    return Evidence(5, 7, "a walk", (tmp_path / "0.jpg",))


async def test_the_clip_is_sent_signed_and_the_answer_is_the_verdict(clip: Evidence) -> None:
    async with receiving(answered(ALLOW)) as (receiver, backend):
        assert await backend.judge(clip) == Allow()
    [(fields, body)] = receiver.requests
    assert json.loads(body) == {
        "video_id": "5",
        "creator_id": "7",
        "description": "a walk",
        "frames": [base64.b64encode(b"\xff\xd8picture").decode()],
    }
    told = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(SECRET.encode(), told, hashlib.sha256)).decode()
    assert fields["webhook-signature"] == f"v1,{expected}"
    assert fields["webhook-timestamp"] == str(NOW_MS // 1000)
    assert "authorization" not in fields


async def test_who_fails_or_hangs_up_is_asked_again_under_the_same_id(clip: Evidence) -> None:
    failing = [answered(b"", "503 Busy"), None, answered(b"", "429 Slow down")]
    async with receiving(*failing, answered(ALLOW)) as (receiver, backend):
        assert await backend.judge(clip) == Allow()
    assert len({fields["webhook-id"] for fields, _ in receiver.requests}) == 1
    assert len(receiver.requests) == 4


async def test_who_keeps_failing_allows_nothing(clip: Evidence) -> None:
    async with receiving(answered(b"", "500 Broken")) as (receiver, backend):
        with pytest.raises(ModerationUnavailable, match="status 500"):
            await backend.judge(clip)
    assert len(receiver.requests) == ATTEMPTS


@pytest.mark.parametrize(
    "answer",
    [
        answered(b"", "401 Who"),
        answered(b"", "302 Elsewhere"),
        answered(b"yes"),
        answered(b'{"verdict": "maybe"}'),
        answered(b"[" * 20_000),
        answered(b" " * (MOST_ANSWER_BYTES + 1)),
    ],
)
async def test_an_answer_that_is_no_verdict_allows_nothing_and_is_not_asked_for_again(
    clip: Evidence, answer: bytes
) -> None:
    async with receiving(answer) as (receiver, backend):
        with pytest.raises(ModerationUnavailable, match="the moderation webhook http://127") as refused:
            await backend.judge(clip)
    assert len(receiver.requests) == 1
    assert SECRET not in str(refused.value)


def test_verdicts_are_read_with_their_words_bounded() -> None:
    assert read_verdict(b'{"verdict": "reject", "detail": "No."}') == Reject("moderation", "No.")
    assert read_verdict(b'{"verdict": "review", "reason": "odd"}') == Review("odd")
    long = read_verdict(json.dumps({"verdict": "reject", "detail": "x" * 10_000}).encode())
    assert isinstance(long, Reject)
    assert len(long.detail) == 500


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_whatever_is_answered_is_a_verdict_or_none(answer: bytes) -> None:
    with suppress(NoVerdict):
        read_verdict(answer)


@pytest.mark.parametrize(
    "setting",
    [
        "webhook:",
        "webhook:ftp://:0123456789abcdef@h/",
        "webhook:https://:0123456789abcdef@[::1/",
        "webhook:https://:0123456789abcdef@h:99999/",
        "https://:0123456789abcdef@h/",
        "webhook:https://h/",
        "webhook:https://:hunter2@h/",
        "webhook:http://:0123456789abcdef@moderation.example/",
    ],
)
def test_a_webhook_without_secret_or_in_the_clear_is_refused(setting: str) -> None:
    with pytest.raises(UnknownModeration) as refused:
        open_moderation(setting, int)
    assert "hunter2" not in str(refused.value)
