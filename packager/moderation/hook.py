"""What is said to a moderation webhook and what it may answer. Rules file.

The request is signed as every webhook is (origin/webhooks/signature.py). The id is the same for every attempt.

The body is JSON: `video_id`, `creator_id` (strings), `description`, and `frames`, JPEG pictures in Base64, in the order
of the clip. The answer is JSON: `verdict` is `allow`, `reject` (with `detail`, a sentence for the creator) or `review`
(with `reason`, for the person who looks).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from origin.reviews import NOT_ALLOWED
from packager.moderation.base import Allow, Evidence, Reject, Review, UnknownModeration, Verdict

PREFIX = "webhook:"
ALLOWED = "local, rekognition or webhook:https://:SECRET@host/path"
MOST_ANSWER_BYTES = 64 << 10
_MOST_TEXT = 500
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Hook:
    url: str
    """Without the secret."""
    secret: bytes = field(repr=False)


class NoVerdict(ValueError):
    """The webhook's answer is none."""


def parse_hook(setting: str) -> Hook:
    """Of `webhook:https://:SECRET@host/path`. Raises UnknownModeration, without the secret, for anything else."""
    try:
        parts = urlsplit(setting.removeprefix(PREFIX))
        named = parts.scheme in {"https", "http"} and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if not setting.startswith(PREFIX) or not named:
        raise UnknownModeration(ALLOWED)
    secret = unquote(parts.password or "")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UnknownModeration(f"{ALLOWED}; {parts.hostname} needs https, since it is sent the clips")
    if len(secret) < 16:
        raise UnknownModeration(
            f"{ALLOWED}, with a secret of at least 16 characters, which signs what the webhook is sent"
        )
    return Hook(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), secret.encode())


def body_of(evidence: Evidence, frames: Sequence[bytes]) -> bytes:
    """The request's body."""
    return json.dumps(
        {
            "video_id": str(evidence.video_id),
            "creator_id": str(evidence.creator_id),
            "description": evidence.description,
            "frames": [base64.b64encode(frame).decode() for frame in frames],
        }
    ).encode()


def read_verdict(answer: bytes) -> Verdict:
    """Raises NoVerdict."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise NoVerdict("the answer is no JSON") from error
    if not isinstance(said, dict):
        raise NoVerdict("the answer is no JSON object")
    match said.get("verdict"):
        case "allow":
            return Allow()
        case "reject":
            return Reject("moderation", _text(said, "detail") or NOT_ALLOWED)
        case "review":
            return Review(_text(said, "reason") or "the webhook asks for a person")
    raise NoVerdict("`verdict` is none of allow, reject, review")


def _text(said: Mapping[str, object], name: str) -> str:
    value = said.get(name, "")
    if not isinstance(value, str):
        raise NoVerdict(f"`{name}` is no text")
    return value[:_MOST_TEXT]
