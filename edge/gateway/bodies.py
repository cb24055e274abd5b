"""Parsers of what clients send in JSON bodies and queries. Rules file.

Each returns typed values or raises BadInput, which names the field. Unknown members are ignored, so that a newer
client can talk to an older server.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from origin.ids import parse_id
from origin.model import Visibility
from origin.reviews import NOT_ALLOWED
from origin.webhooks.message import TYPES
from origin.webhooks.target import MOST_URL_CHARACTERS

MOST_DESCRIPTION = 2200
"""Characters."""
MOST_COMMENT = 500
MOST_DETAIL = 500
VERDICTS = ("allow", "reject")
MOST_PAGE = 50
_HANDLE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._][A-Za-z0-9]+)*")
_HANDLE_LENGTH = range(3, 25)
_RESERVED = frozenset({"admin", "administrator", "anonymous", "api", "help", "reelway", "root", "support", "system"})
_GUEST_PREFIX = "guest"
_NEWLINES = 10
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_]{1,80}")


class BadInput(ValueError):
    """A field that does not fit; `name` is its name in the body or query, the text a sentence for the caller."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail)
        self.name = name


def json_object(body: bytes) -> dict[str, object]:
    """The members of a JSON object; of an empty body: none."""
    if not body.strip():
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput("", f"The body is not JSON: {_shorten(str(error))}.") from error
    if not isinstance(document, dict):
        raise BadInput("", "The body must be a JSON object.")
    return document


def handle(document: Mapping[str, object]) -> str | None:
    """The handle asked for; None when there is none. Letters keep their case; handles are compared without it."""
    value = document.get("handle")
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadInput("handle", "handle must be a text.")
    if len(value) not in _HANDLE_LENGTH:
        raise BadInput("handle", "handle must have 3 to 24 characters.")
    if not _HANDLE.fullmatch(value):
        raise BadInput(
            "handle",
            "handle must begin with a letter and hold only letters a-z, digits and single dots or underscores "
            "between them.",
        )
    if value.lower() in _RESERVED or value.lower().startswith(_GUEST_PREFIX):
        raise BadInput("handle", f"handle {value} is reserved; choose another.")
    return value


@dataclass(frozen=True, slots=True)
class VideoEdit:
    description: str | None
    visibility: Visibility | None


def video_edit(document: Mapping[str, object]) -> VideoEdit:
    """What to change of a video: at least one of description and visibility."""
    if "description" not in document and "visibility" not in document:
        raise BadInput("", "Send description, visibility or both.")
    text = description(document["description"]) if "description" in document else None
    if "visibility" not in document:
        return VideoEdit(text, None)
    try:
        return VideoEdit(text, Visibility(str(document["visibility"])))
    except ValueError as error:
        allowed = ", ".join(each.value for each in Visibility)
        raise BadInput("visibility", f"visibility must be one of {allowed}.") from error


@dataclass(frozen=True, slots=True)
class Decision:
    """About a clip that waits for review; `detail` is what the creator of a rejected one is told."""

    allowed: bool
    detail: str


def decision(document: Mapping[str, object]) -> Decision:
    verdict = document.get("verdict")
    if verdict not in VERDICTS:
        raise BadInput("verdict", f"verdict must be one of {', '.join(VERDICTS)}.")
    detail = _text("detail", document.get("detail", ""), MOST_DETAIL)
    return Decision(verdict == VERDICTS[0], detail or NOT_ALLOWED)


@dataclass(frozen=True, slots=True)
class NewWebhook:
    url: str
    types: tuple[str, ...]
    """Empty: every type."""


def new_webhook(document: Mapping[str, object]) -> NewWebhook:
    return NewWebhook(_webhook_url(document.get("url")), _webhook_types(document.get("types", [])))


@dataclass(frozen=True, slots=True)
class WebhookEdit:
    url: str | None
    types: tuple[str, ...] | None
    enabled: bool | None


def webhook_edit(document: Mapping[str, object]) -> WebhookEdit:
    """What to change of a webhook: at least one of url, types and enabled."""
    if not {"url", "types", "enabled"} & set(document):
        raise BadInput("", "Send url, types, enabled or several of them.")
    enabled = document.get("enabled")
    if "enabled" in document and not isinstance(enabled, bool):
        raise BadInput("enabled", "enabled must be true or false.")
    return WebhookEdit(
        _webhook_url(document["url"]) if "url" in document else None,
        _webhook_types(document["types"]) if "types" in document else None,
        enabled if isinstance(enabled, bool) else None,
    )


def _webhook_url(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MOST_URL_CHARACTERS:
        raise BadInput("url", f"url must be a text of up to {MOST_URL_CHARACTERS} characters.")
    return value


def _webhook_types(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(each in TYPES for each in value):
        raise BadInput("types", f"types must be a list out of {', '.join(TYPES)}; an empty one means all.")
    return tuple(value)


def message_id(text: str) -> str:
    """Of a webhook's message, in a path."""
    if not _MESSAGE_ID.fullmatch(text):
        raise BadInput("message_id", "message_id is as the header field webhook-id and the list of deliveries give it.")
    return text


def takedown_reason(document: Mapping[str, object]) -> str:
    """What the creator of a video that is taken down is told."""
    return _text("reason", document.get("reason", ""), MOST_DETAIL) or NOT_ALLOWED


def direct_upload(document: Mapping[str, object]) -> tuple[int, str, str]:
    """Length in bytes, description and digest of an upload straight to the object store."""
    length = document.get("length")
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise BadInput("length", "length must be the clip's size in bytes, a whole number from 1.")
    digest = document.get("repr_digest", "")
    if not isinstance(digest, str):
        raise BadInput("repr_digest", "repr_digest must be a text as in the header field Repr-Digest.")
    return length, description(document.get("description", "")), digest


def description(value: object) -> str:
    """A video's description: up to 2200 characters of text; line breaks are kept."""
    return _text("description", value, MOST_DESCRIPTION)


def comment_text(document: Mapping[str, object]) -> str:
    text = _text("text", document.get("text"), MOST_COMMENT)
    if not text:
        raise BadInput("text", "text must not be empty.")
    return text


def _text(name: str, value: object, most: int) -> str:
    if not isinstance(value, str):
        raise BadInput(name, f"{name} must be a text.")
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip()
    if len(text) > most:
        raise BadInput(name, f"{name} has {len(text)} characters; at most {most} are taken.")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter != "\n" for letter in text):
        raise BadInput(name, f"{name} holds a control character.")
    if text.count("\n") > _NEWLINES + most // 100:
        raise BadInput(name, f"{name} has too many line breaks.")
    return text


def page_limit(text: str | None, default: int) -> int:
    """`limit` of a listing: 1 to 50."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 4 and int(text) >= 1):
        raise BadInput("limit", f"limit must be a whole number from 1 to {MOST_PAGE}.")
    return min(int(text), MOST_PAGE)


def path_id(text: str) -> int:
    """An id in a path."""
    try:
        return parse_id(text)
    except ValueError as error:
        raise BadInput("id", f"{error}.") from error


def _shorten(text: str) -> str:
    return text[:120]
