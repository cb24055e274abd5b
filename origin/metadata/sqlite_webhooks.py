"""Webhooks and their attempts in SQLite: statements that run on a connection of `origin.sqlite_database`."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from origin.ids import MAX_ID
from origin.metadata.base import NotFound
from origin.metadata.webhook_rows import attempt_of, webhook_of
from origin.subscriptions import DAY_MS, KEPT_DAYS, Attempt, Sent, Webhook

_SELECT = """SELECT webhook_id, user_id, url, types, secret, created_at_ms, old_secret, old_secret_until_ms, disabled,
    failing_since_ms FROM webhooks"""
_ATTEMPTS = """SELECT attempt_id, webhook_id, message_id, kind, number, at_ms, outcome, status, error, duration_ms,
    next_at_ms FROM webhook_attempts"""
_OLD_ATTEMPTS = """DELETE FROM webhook_attempts WHERE (webhook_id, attempt_id) IN
    (SELECT webhook_id, attempt_id FROM webhook_attempts WHERE at_ms < ? ORDER BY at_ms LIMIT 4)"""
_OLD_MESSAGES = """DELETE FROM webhook_messages WHERE (webhook_id, message_id) IN
    (SELECT webhook_id, message_id FROM webhook_messages WHERE at_ms < ? ORDER BY at_ms LIMIT 4)"""
"""A few for each that comes, so that no write has many to forget."""


def _columns(webhook: Webhook) -> tuple[Any, ...]:
    return (
        webhook.webhook_id,
        webhook.user_id,
        webhook.url,
        json.dumps(webhook.types),
        webhook.secret,
        webhook.created_at_ms,
        webhook.old_secret,
        webhook.old_secret_until_ms,
        webhook.disabled,
        webhook.failing_since_ms,
    )


def create(connection: sqlite3.Connection, webhook: Webhook, most: int) -> bool:
    if len(of_user(connection, webhook.user_id)) >= most:
        return False
    connection.execute("INSERT INTO webhook_owners VALUES (?, ?)", (webhook.webhook_id, webhook.user_id))
    connection.execute("INSERT INTO webhooks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _columns(webhook))
    return True


def one(connection: sqlite3.Connection, user_id: int, webhook_id: int) -> Webhook:
    row = connection.execute(f"{_SELECT} WHERE webhook_id = ? AND user_id = ?", (webhook_id, user_id)).fetchone()
    if row is None:
        raise NotFound(f"no webhook {webhook_id} of user {user_id}")
    return webhook_of(row, json.loads(row[3]))


def owner(connection: sqlite3.Connection, webhook_id: int) -> int:
    row = connection.execute("SELECT user_id FROM webhook_owners WHERE webhook_id = ?", (webhook_id,)).fetchone()
    if row is None:
        raise NotFound(f"no webhook {webhook_id}")
    return int(row[0])


def of_user(connection: sqlite3.Connection, user_id: int) -> list[Webhook]:
    rows = connection.execute(f"{_SELECT} WHERE user_id = ? ORDER BY webhook_id", (user_id,))
    return [webhook_of(row, json.loads(row[3])) for row in rows]


def replace(connection: sqlite3.Connection, before: Webhook, after: Webhook) -> bool:
    try:
        if one(connection, before.user_id, before.webhook_id) != before:
            return False
    except NotFound:
        return False
    connection.execute("REPLACE INTO webhooks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _columns(after))
    return True


def delete(connection: sqlite3.Connection, user_id: int, webhook_id: int) -> None:
    connection.execute("DELETE FROM webhooks WHERE webhook_id = ? AND user_id = ?", (webhook_id, user_id))


def add_attempt(connection: sqlite3.Connection, attempt: Attempt, body: str) -> None:
    for statement in (_OLD_ATTEMPTS, _OLD_MESSAGES):
        connection.execute(statement, (attempt.at_ms - KEPT_DAYS * DAY_MS,))
    connection.execute(
        "REPLACE INTO webhook_attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            attempt.webhook_id,
            attempt.attempt_id,
            attempt.message_id,
            attempt.kind,
            attempt.number,
            attempt.at_ms,
            attempt.outcome,
            attempt.status,
            attempt.error,
            attempt.duration_ms,
            attempt.next_at_ms,
        ),
    )
    connection.execute(
        "REPLACE INTO webhook_messages VALUES (?, ?, ?, ?, ?)",
        (attempt.webhook_id, attempt.message_id, attempt.kind, body, attempt.at_ms),
    )


def attempts_of(
    connection: sqlite3.Connection, webhook_id: int, before_id: int | None, limit: int, now_ms: int
) -> list[Attempt]:
    rows = connection.execute(
        f"{_ATTEMPTS} WHERE webhook_id = ? AND attempt_id < ? AND at_ms >= ? ORDER BY attempt_id DESC LIMIT ?",
        (webhook_id, MAX_ID if before_id is None else before_id, now_ms - KEPT_DAYS * DAY_MS, limit),
    )
    return [attempt_of(row) for row in rows]


def sent_message(connection: sqlite3.Connection, webhook_id: int, message_id: str) -> Sent:
    row = connection.execute(
        "SELECT message_id, kind, body FROM webhook_messages WHERE webhook_id = ? AND message_id = ?",
        (webhook_id, message_id),
    ).fetchone()
    if row is None:
        raise NotFound(f"no message {message_id} was sent to webhook {webhook_id}")
    return Sent(*row)
