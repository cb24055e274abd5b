"""Messages of webhooks in origin.proto ↔ the values of `origin.subscriptions` and `origin.views`. Rules file.

A reason for which a newer peer disabled a webhook is shown as its user's, an outcome that is not known as given up.
"""

from __future__ import annotations

from origin.rpc import origin_pb2 as pb
from origin.subscriptions import Attempt, Disabled, Outcome
from origin.views import NewSecret, WebhookView


def encode_webhook(view: WebhookView) -> pb.WebhookView:
    return pb.WebhookView(
        webhook_id=view.webhook_id,
        url=view.url,
        types=view.types,
        created_at_ms=view.created_at_ms,
        disabled=view.disabled or "",
        failing_since_ms=view.failing_since_ms,
        old_secret_until_ms=view.old_secret_until_ms,
    )


def decode_webhook(message: pb.WebhookView) -> WebhookView:
    return WebhookView(
        message.webhook_id,
        message.url,
        tuple(message.types),
        message.created_at_ms,
        _disabled(message.disabled),
        message.failing_since_ms if message.HasField("failing_since_ms") else None,
        message.old_secret_until_ms if message.HasField("old_secret_until_ms") else None,
    )


def _disabled(text: str) -> Disabled | None:
    if not text:
        return None
    return Disabled(text) if text in list(Disabled) else Disabled.OWNER


def encode_new_secret(new: NewSecret) -> pb.NewSecret:
    return pb.NewSecret(webhook=encode_webhook(new.webhook), secret=new.secret)


def decode_new_secret(message: pb.NewSecret) -> NewSecret:
    return NewSecret(decode_webhook(message.webhook), message.secret)


def encode_attempt(attempt: Attempt) -> pb.Attempt:
    return pb.Attempt(
        attempt_id=attempt.attempt_id,
        webhook_id=attempt.webhook_id,
        message_id=attempt.message_id,
        kind=attempt.kind,
        number=attempt.number,
        at_ms=attempt.at_ms,
        outcome=attempt.outcome,
        status=attempt.status,
        error=attempt.error,
        duration_ms=attempt.duration_ms,
        next_at_ms=attempt.next_at_ms,
    )


def decode_attempt(message: pb.Attempt) -> Attempt:
    return Attempt(
        message.attempt_id,
        message.webhook_id,
        message.message_id,
        message.kind,
        message.number,
        message.at_ms,
        Outcome(message.outcome) if message.outcome in list(Outcome) else Outcome.GIVEN_UP,
        message.status if message.HasField("status") else None,
        message.error,
        message.duration_ms,
        message.next_at_ms if message.HasField("next_at_ms") else None,
    )
