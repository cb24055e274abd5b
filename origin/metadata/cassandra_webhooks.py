"""Webhooks in Cassandra: a partition a user, written by compare-and-set only.

Every change names itself in the partition's static column `change` and is done only after the one that was read, so two
who add at once cannot both be the last that there is room for. Whose a webhook is stands in a table of its own, written
once at timestamp 1 before it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from origin.metadata.base import MetadataUnavailable, NotFound
from origin.metadata.cassandra_session import CassandraSession, Row, Statement, compare_and_set, settled
from origin.metadata.webhook_rows import webhook_of
from origin.subscriptions import Webhook

_TRIES = 8
"""Changes of one user's webhooks that come at once: more are refused."""
_COLUMNS = """webhook_id, user_id, url, types, secret, toUnixTimestamp(created_at), old_secret,
    toUnixTimestamp(old_secret_until), disabled, toUnixTimestamp(failing_since), change"""
_READ = Statement(f"SELECT {_COLUMNS} FROM webhooks WHERE user_id = ? AND webhook_id = ?")  # noqa: S608 -- constants only
_OF_USER = Statement(f"SELECT {_COLUMNS} FROM webhooks WHERE user_id = ?")  # noqa: S608 -- constants only
_SETTLED = settled(_OF_USER.cql)
_LAST_CHANGE = settled("SELECT change FROM webhooks WHERE user_id = ? LIMIT 1")
_WRITE = compare_and_set(
    "UPDATE webhooks SET change = ?, url = ?, types = ?, secret = ?, created_at = ?, old_secret = ?,"
    " old_secret_until = ?, disabled = ?, failing_since = ? WHERE user_id = ? AND webhook_id = ? IF change = ?"
)
_DELETE = compare_and_set(
    "BEGIN BATCH UPDATE webhooks SET change = ? WHERE user_id = ? IF change = ?;"
    " DELETE FROM webhooks WHERE user_id = ? AND webhook_id = ?; APPLY BATCH"
)
_OWNER = Statement("SELECT user_id FROM webhook_owners WHERE webhook_id = ?")
_OWN = Statement("INSERT INTO webhook_owners (webhook_id, user_id) VALUES (?, ?) USING TIMESTAMP 1")


def _webhooks(rows: Sequence[Row]) -> list[Webhook]:
    # A partition without webhooks is a row that has only the static column.
    return [webhook_of(row, row[3] or ()) for row in rows if row[2] is not None]


async def create(session: CassandraSession, webhook: Webhook, most: int) -> bool:
    await session.write(_OWN, webhook.webhook_id, webhook.user_id)
    for _ in range(_TRIES):
        rows = await session.rows(_SETTLED, webhook.user_id)
        if len(_webhooks(rows)) >= most:
            return False
        if await _write(session, webhook, rows):
            return True
    raise _contended(session, webhook.user_id)


async def one(session: CassandraSession, user_id: int, webhook_id: int) -> Webhook:
    row = await session.row(_READ, user_id, webhook_id)
    if row is None or row[2] is None:
        raise NotFound(f"no webhook {webhook_id} of user {user_id}")
    return webhook_of(row, row[3] or ())


async def owner(session: CassandraSession, webhook_id: int) -> int:
    row = await session.row(_OWNER, webhook_id)
    if row is None:
        raise NotFound(f"no webhook {webhook_id}")
    return int(row[0])


async def of_user(session: CassandraSession, user_id: int) -> list[Webhook]:
    return _webhooks(await session.rows(_OF_USER, user_id))


async def replace(session: CassandraSession, before: Webhook, after: Webhook) -> bool:
    for _ in range(_TRIES):
        rows = await session.rows(_SETTLED, before.user_id)
        if before not in _webhooks(rows):
            return False
        if await _write(session, after, rows):
            return True
    raise _contended(session, before.user_id)


async def delete(session: CassandraSession, user_id: int, webhook_id: int) -> None:
    for _ in range(_TRIES):
        rows = await session.rows(_SETTLED, user_id)
        if webhook_id not in {each.webhook_id for each in _webhooks(rows)}:
            return
        change = uuid.uuid4()
        params = (change, user_id, rows[0][10], user_id, webhook_id)
        if await session.decide(_DELETE, params, change, _LAST_CHANGE, user_id):
            return
    raise _contended(session, user_id)


async def _write(session: CassandraSession, webhook: Webhook, rows: Sequence[Row]) -> bool:
    """Whether it could be written after the change of the rows that were read."""
    change = uuid.uuid4()
    params = (
        change,
        webhook.url,
        list(webhook.types),
        webhook.secret,
        webhook.created_at_ms,
        webhook.old_secret,
        webhook.old_secret_until_ms,
        webhook.disabled and str(webhook.disabled),
        webhook.failing_since_ms,
        webhook.user_id,
        webhook.webhook_id,
        rows[0][10] if rows else None,
    )
    return await session.decide(_WRITE, params, change, _LAST_CHANGE, webhook.user_id)


def _contended(session: CassandraSession, user_id: int) -> MetadataUnavailable:
    return MetadataUnavailable(f"{session.target.name}: too many change the webhooks of user {user_id} at once")
