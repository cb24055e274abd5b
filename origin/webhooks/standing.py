"""How a webhook stands: which secrets sign, what it is sent, and when it is disabled. Rules file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from origin.subscriptions import DAY_MS, Disabled, Webhook
from origin.webhooks.message import TEST
from origin.webhooks.schedule import Again, Delivered, Fate, GivenUp, Unsubscribed

OVERLAP_MS = DAY_MS
"""How long an old secret signs after a rotation."""
FAILING_MS = 5 * DAY_MS
"""A webhook is disabled when a message is given up and nothing arrived for so long. Time alone does not do: a single
failure after a quiet week says little, a message that failed for more than a day says that nobody is there."""


def secrets_of(webhook: Webhook, now_ms: int) -> Sequence[str]:
    """Those that sign now, the newest first."""
    old_signs = webhook.old_secret and now_ms < webhook.old_secret_until_ms
    return [webhook.secret, webhook.old_secret] if old_signs else [webhook.secret]


def rotated(webhook: Webhook, secret: str, now_ms: int) -> Webhook:
    """With a new secret beside the one it had. An older one still is forgotten: two rotations end one at once."""
    return replace(webhook, secret=secret, old_secret=webhook.secret, old_secret_until_ms=now_ms + OVERLAP_MS)


def wants(webhook: Webhook, kind: str) -> bool:
    """Whether messages of a type are made for it."""
    return webhook.disabled is None and (not webhook.types or kind in webhook.types)


def enabled(webhook: Webhook, *, yes: bool) -> Webhook:
    """As its user says. Enabled, it begins without a past; disabled, the first reason stays."""
    if yes:
        return replace(webhook, disabled=None, failing_since_ms=None)
    return webhook if webhook.disabled else replace(webhook, disabled=Disabled.OWNER)


def after_attempt(webhook: Webhook, kind: str, fate: Fate, now_ms: int) -> Webhook:
    """How it stands after an attempt. That a test fails says nothing of what it does with messages."""
    if webhook.disabled is not None:
        return webhook
    match fate:
        case Delivered():
            return replace(webhook, failing_since_ms=None)
        case Unsubscribed():
            return replace(webhook, disabled=Disabled.GONE)
        case Again() | GivenUp() if kind == TEST:
            return webhook
        case Again() | GivenUp():
            since_ms = now_ms if webhook.failing_since_ms is None else webhook.failing_since_ms
            dead = isinstance(fate, GivenUp) and now_ms - since_ms >= FAILING_MS
            return replace(webhook, failing_since_ms=since_ms, disabled=Disabled.FAILING if dead else None)
