"""Webhooks and attempts from rows, for whose columns both backends ask in the same order. Rules file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from origin.subscriptions import Attempt, Disabled, Outcome, Webhook


def webhook_of(row: Sequence[Any], types: Iterable[str]) -> Webhook:
    """`types` are given beside the row, as each backend keeps lists in its own way."""
    return Webhook(
        webhook_id=row[0],
        user_id=row[1],
        url=row[2],
        types=tuple(types),
        secret=row[4],
        created_at_ms=row[5],
        old_secret=row[6],
        old_secret_until_ms=row[7],
        disabled=None if row[8] is None else Disabled(row[8]),
        failing_since_ms=row[9],
    )


def attempt_of(row: Sequence[Any]) -> Attempt:
    return Attempt(
        attempt_id=row[0],
        webhook_id=row[1],
        message_id=row[2],
        kind=row[3],
        number=row[4],
        at_ms=row[5],
        outcome=Outcome(row[6]),
        status=row[7],
        error=row[8],
        duration_ms=row[9],
        next_at_ms=row[10],
    )
