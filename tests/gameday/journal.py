"""What clients sent and what was acknowledged: the audit's side of the contract. Rules file."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.gameday.answers import Answer


@dataclass(slots=True)
class Journal:
    """Of one fault's load."""

    answers: list[Answer] = field(default_factory=list)
    sent_events: set[str] = field(default_factory=set)
    """Ids of interactions, whatever became of them."""
    acknowledged_events: set[str] = field(default_factory=set)
    acknowledged_likes: set[tuple[int, int]] = field(default_factory=set)
    """(user id, video id)."""
    acknowledged_uploads: dict[int, int] = field(default_factory=dict)
    """Video id → bytes, once the server had told that it has all of them."""
    given_up_uploads: int = 0
    """Uploads that a client lost patience with: not lost, as nobody was told that they were there."""
    dropped: int = 0
    """Requests that were due and not sent because too many were under way."""
