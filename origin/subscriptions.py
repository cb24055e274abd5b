"""The nouns of webhooks in the system of record. Rules file: plain frozen values, no I/O.

Ids are Snowflakes; times are epoch milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

MOST_WEBHOOKS = 5
"""Of one user."""
KEPT_DAYS = 7
"""How long attempts and messages are kept."""
DAY_MS = 86_400_000


class Disabled(StrEnum):
    """Why a webhook gets no messages."""

    OWNER = "owner"
    """Its user said so."""
    GONE = "gone"
    """The receiver answered 410."""
    FAILING = "failing"
    """Nothing arrived for days (see `origin.webhooks.standing`)."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a user wants messages, and which."""

    webhook_id: int
    user_id: int
    url: str
    types: tuple[str, ...]
    """In alphabetical order; empty for every type, those to come too."""
    secret: str = field(repr=False)
    """As `whsec_…`; not in a repr, which may end in a log."""
    created_at_ms: int
    old_secret: str = field(default="", repr=False)
    """The one before; messages are signed with it, too, before `old_secret_until_ms`."""
    old_secret_until_ms: int = 0
    disabled: Disabled | None = None
    failing_since_ms: int | None = None
    """The first failure behind which nothing arrived; None when the last message arrived."""


class Outcome(StrEnum):
    """What came of an attempt."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    GIVEN_UP = "given_up"
    """It was the last; or there was no room for any, as the error says then."""
    DISABLED = "disabled"
    """The webhook is disabled: this message is sent no more, or was not sent at all (then without a status)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    attempt_id: int
    """A Snowflake: later attempts have higher ones."""
    webhook_id: int
    message_id: str
    kind: str
    """The message's type."""
    number: int
    """From 1."""
    at_ms: int
    outcome: Outcome
    status: int | None
    """HTTP's; None where there was no answer."""
    error: str
    """Why there was no answer; empty where there was one."""
    duration_ms: int
    next_at_ms: int | None
    """Not before this time it is sent again; None: never."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent to a webhook, kept to be sent again."""

    message_id: str
    kind: str
    body: str
