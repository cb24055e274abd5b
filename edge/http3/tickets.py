"""A bounded store of TLS session tickets, for resumption without early data."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aioquic.tls import SessionTicket


class TicketStore:
    """At most `capacity` tickets, the least recently used dropped first.

    A ticket may be presented more than once: without 0-RTT nothing in a resumed handshake can be replayed.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._tickets: OrderedDict[bytes, SessionTicket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tickets)

    def put(self, ticket: SessionTicket) -> None:
        """Keep a ticket that was just issued."""
        self._tickets[ticket.ticket] = ticket
        while len(self._tickets) > self._capacity:
            self._tickets.popitem(last=False)

    def get(self, label: bytes) -> SessionTicket | None:
        """The ticket a client presents, or None: then the handshake is a full one."""
        ticket = self._tickets.get(label)
        if ticket is None:
            return None
        if not ticket.is_valid:
            del self._tickets[label]
            return None
        self._tickets.move_to_end(label)
        return ticket
