"""What came of webhooks' messages in Cassandra: a partition a webhook and day, and the bodies by message.

Both tables end their rows by themselves. An attempt is written once, a body anew with each attempt; the attempt's time
is their timestamp, so a repeat writes the same cells and the latest stays.
"""

from __future__ import annotations

import asyncio

from origin.ids import MAX_ID, since_epoch
from origin.metadata.base import NotFound
from origin.metadata.cassandra_buckets import day_of_id, day_of_ms
from origin.metadata.cassandra_session import CassandraSession, Statement
from origin.metadata.webhook_rows import attempt_of
from origin.subscriptions import DAY_MS, KEPT_DAYS, Attempt, Sent

_INSERT = Statement(
    "INSERT INTO webhook_attempts (attempt_id, webhook_id, bucket, message_id, kind, number, at, outcome, status,"
    " error, duration_ms, next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_KEEP = Statement(
    "INSERT INTO webhook_messages (webhook_id, message_id, kind, body) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
)
_OF_DAY = Statement(
    "SELECT attempt_id, webhook_id, message_id, kind, number, toUnixTimestamp(at), outcome, status, error, duration_ms,"
    " toUnixTimestamp(next_at) FROM webhook_attempts WHERE webhook_id = ? AND bucket = ? AND attempt_id < ?"
    " AND attempt_id >= ? LIMIT ?"
)
_MESSAGE = Statement("SELECT message_id, kind, body FROM webhook_messages WHERE webhook_id = ? AND message_id = ?")


async def add(session: CassandraSession, attempt: Attempt, body: str) -> None:
    await asyncio.gather(
        session.write(
            _INSERT,
            attempt.attempt_id,
            attempt.webhook_id,
            day_of_id(attempt.attempt_id),
            attempt.message_id,
            attempt.kind,
            attempt.number,
            attempt.at_ms,
            str(attempt.outcome),
            attempt.status,
            attempt.error,
            attempt.duration_ms,
            attempt.next_at_ms,
            attempt.at_ms,
        ),
        session.write(_KEEP, attempt.webhook_id, attempt.message_id, attempt.kind, body, attempt.at_ms),
    )


async def of_webhook(
    session: CassandraSession, webhook_id: int, before_id: int | None, limit: int, now_ms: int
) -> list[Attempt]:
    found: list[Attempt] = []
    oldest = since_epoch(now_ms - KEPT_DAYS * DAY_MS) << 22
    newest = MAX_ID if before_id is None else before_id
    last_day, first_day = min(day_of_ms(now_ms), day_of_id(newest)), day_of_id(oldest)
    for day in range(last_day, first_day - 1, -1):
        rows = await session.rows(_OF_DAY, webhook_id, day, newest, oldest, limit - len(found))
        found += [attempt_of(row) for row in rows]
        if len(found) >= limit:
            break
    return found


async def sent_message(session: CassandraSession, webhook_id: int, message_id: str) -> Sent:
    row = await session.row(_MESSAGE, webhook_id, message_id)
    if row is None:
        raise NotFound(f"no message {message_id} was sent to webhook {webhook_id}")
    return Sent(*row)
