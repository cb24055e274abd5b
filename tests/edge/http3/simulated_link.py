"""A bottleneck with a queue, a delay and random loss, on a virtual clock; senders that go by a PathModel."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from edge.http3.congestion.model import PathModel, Sent

PACKET = 1200
LOST_AFTER_PACKETS = 3


@dataclass
class Link:
    """`rate` bytes a second, `delay` seconds each way, a queue of `queue` bytes."""

    rate: float
    delay: float
    queue: int
    loss: float = 0.0
    seed: int = 1
    now: float = 0.0
    free_at: float = 0.0
    up: bool = True
    longest_queue: float = 0.0
    """Seconds, since it was last set to zero."""
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), what))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, what = heapq.heappop(self._events)
            what()
        self.now = until

    def carry(self, arrived: Callable[[], None]) -> None:
        """One packet, whose acknowledgement comes back at `arrived`, or never."""
        waiting = max(0.0, self.free_at - self.now)
        if not self.up or waiting * self.rate > self.queue or self._random.random() < self.loss:
            return
        self.free_at = max(self.free_at, self.now) + PACKET / self.rate
        self.longest_queue = max(self.longest_queue, waiting)
        self.at(self.free_at + 2 * self.delay, arrived)


class Sender:
    """Has always something to send."""

    def __init__(self, link: Link, begins: float = 0.0) -> None:
        self.link = link
        self.model = PathModel(PACKET)
        self.delivered = 0
        self._flight: dict[int, Sent] = {}
        self._next = 0
        self._heard_at = begins
        self._collapsed = False
        link.at(begins, self._send)

    @property
    def in_flight(self) -> int:
        return PACKET * len(self._flight)

    def _send(self) -> None:
        link = self.link
        self._give_up_silent()
        if self.in_flight + PACKET <= self.model.window:
            number, self._next = self._next, self._next + 1
            self._flight[number] = self.model.sent(PACKET, link.now, self.in_flight)
            link.carry(lambda: self._acknowledged(number))
        rate = self.model.pacing_rate
        link.at(link.now + (PACKET / rate if rate else 0.001), self._send)

    def _acknowledged(self, number: int) -> None:
        now = self.link.now
        self._heard_at, self._collapsed = now, False
        sent = self._flight.pop(number, None)
        if sent is not None:
            self.delivered += PACKET
            self.model.round_trip(now - sent.at, now)
            self.model.acknowledged(sent, now, self.in_flight)
        lost = [each for each in self._flight if each <= number - LOST_AFTER_PACKETS]
        for each in lost:
            del self._flight[each]
        if lost:
            self.model.lost(len(lost))

    def _give_up_silent(self) -> None:
        """As a probe timeout and persistent congestion do."""
        if self._flight and self.link.now - self._heard_at > 1.0:
            self._flight.clear()
            self._heard_at = self.link.now
            if not self._collapsed:
                self._collapsed = True
                self.model.collapsed()
