"""The port to the event log: an append-only, durable, ordered log with consumer groups.

Words: a *topic* has numbered *partitions*; a record's *key* chooses the partition, so records of one key
stay in order. An *offset* is a record's place in its partition, growing but not always by one. A *group*
shares a topic's records among its consumers, each partition read by one of them at a time; its *committed
offset* is the next offset it wants after a restart.

Promised: `append` returns once the record is durable, or raises within a deadline of the backend; a group gets every
record at least once; records of one partition arrive in order; a committed record is not delivered again to the group
unless it asks by `start`. A partition changes hands only after its owner had a moment to commit what it holds; it stays
while its owner works on a record of it, and where others have too few it goes as soon as nothing of it is under way.
Not promised: exactly-once delivery (a crash between work and commit repeats it), order across keys, or dense offsets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class EventLogError(Exception):
    """The root of this port's errors."""


class LogUnavailable(EventLogError):
    """The log did not take or give records in time, or it is closed. After `append` raised this the record may or may
    not be in the log: retry with the same event id. A retry helps."""


class LogFull(EventLogError):
    """No room for records. A retry helps once an operator made some."""


class LogUnprepared(EventLogError):
    """Topics are missing. A retry helps once `reelway migrate` made them."""


class LogDenied(EventLogError):
    """The log refused our credentials, or what they may do. A retry helps once an operator changed them."""


@dataclass(frozen=True, slots=True)
class Position:
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Record:
    position: Position
    key: str
    value: bytes
    appended_at_ms: int
    """By the log's clock."""


class Consumer(Protocol):
    """One member of a group. `poll` is called by one task, the rest by any.

    A member stays in its group however long its owner works between two polls. There are two ways to work. In order:
    `poll`, do, `commit`. Out of order, for an owner that gathers records and chooses among them: `poll` and `release`
    at once, then `begin`, do and `finish` one after another. What is released keeps no partition from another member.
    """

    @property
    def in_hand(self) -> int:
        """How many records were released and are not committed, of the partitions that this member holds."""

    async def poll(self, max_records: int, timeout_s: float) -> Sequence[Record]:
        """The next records, waiting up to `timeout_s` for the first; empty when there is none.

        They count as worked on until they are committed or released.
        """

    def release(self, position: Position) -> None:
        """Give a polled record back without having done it: nothing of it is under way.

        It is not polled again as long as this member holds its partition; `begin` takes it up. An owner releases every
        record that it polls, before it awaits anything, or none.
        """

    async def begin(self, position: Position) -> bool:
        """Take a released record up, waiting while the group shares its partitions out anew.

        False when it is no longer this member's: whoever holds its partition now gets it.
        """

    async def finish(self, position: Position) -> None:
        """This one record is done. It is committed as soon as all before it are; when its partition goes sooner, its
        next owner gets it again. No error when it has gone already.
        """

    async def commit(self, position: Position) -> None:
        """Everything of that partition up to and including `position` is done.

        Ignored when more of it is committed already. No error when the partition has gone to another member
        meanwhile, who will get again what was not committed before.
        """

    async def lag(self) -> int:
        """Records of the topics that the group has not committed."""

    async def close(self) -> None: ...


class EventLog(Protocol):
    async def append(self, topic: str, key: str, value: bytes) -> Position:
        """Append one record; returns once it is durable. Raises EventLogError."""

    async def append_many(self, topic: str, records: Sequence[tuple[str, bytes]]) -> Sequence[Position]:
        """Append (key, value) records in order. All are durable on return; on an error none or some may be."""

    async def consumer(
        self, group: str, topics: Sequence[str], start: Mapping[tuple[str, int], int] | None = None
    ) -> Consumer:
        """Join `group`; returns once its partitions are shared out, or after a while before that.

        With `start` ((topic, partition) → offset) reading begins there instead of at the committed offset; partitions
        not named begin at their committed offset, or at the log's beginning. Raises EventLogError.
        """

    async def read(self, topic: str, after: Mapping[int, int], limit: int) -> Sequence[Record]:
        """Look without a group (for operators): records of every partition beyond `after` (partition → offset),
        as far as can be the oldest first."""

    async def check(self) -> None:
        """Returns when the log can be used now. Raises LogUnavailable, LogUnprepared or LogDenied."""

    async def close(self) -> None: ...
