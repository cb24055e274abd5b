"""A path as a bandwidth and a round trip, and how fast to send on it. Rules file.

After BBR (draft-ietf-ccwg-bbr-03; Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14(5), 2016).
Reno and CUBIC take every loss for a full queue: at 5 % of random loss, as on a train, they send a hundredth of what the
path carries. Here the rate follows what arrives; a loss only matters where it is so heavy that the path cannot mean
anything else.

Bandwidths are bytes per second, times seconds of any one clock.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum

STARTUP_GAIN = 2 / math.log(2)
"""The least that doubles the rate each round trip."""
DRAIN_GAIN = 1 / STARTUP_GAIN
CRUISE_GAINS = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""Each for one round trip: ask for more, let the queue of that go, keep the rate."""
WINDOW_GAIN = 2.0
"""Room for acknowledgements that come late and together."""
FULL_GROWTH, FULL_ROUNDS = 1.25, 3
"""The pipe is full once the bandwidth has not grown by a quarter in three round trips."""
BANDWIDTH_ROUNDS = 10
LEAST_RTT_S = 10.0
"""How long a round trip counts as the shortest; then the queue is drained to look again."""
LOOK_S = 0.2
LEAST_PACKETS = 4
HEAVY_LOSS = 0.2
"""Share of a round's packets beyond which the rate gives way."""
HEAVY_LOSS_PACKETS = 8
"""Fewer lost ones in a round say nothing."""
YIELD, REGROW = 0.7, 1.1
INITIAL_PACKETS = 10


class Phase(Enum):
    STARTUP = "startup"
    DRAIN = "drain"
    CRUISE = "cruise"
    LOOK = "look"
    """For the shortest round trip, with almost nothing in flight."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was known when a packet left; it comes back with the acknowledgement."""

    size: int
    at: float
    delivered: int
    delivered_at: float
    first_at: float
    """When the packet left whose acknowledgement was the latest by then."""
    limited: bool
    """The application had nothing more to send: a low rate says nothing of the path."""


class PathModel:
    """One path. `in_flight` is the caller's, in bytes; of each packet it is told at most once what became of it."""

    def __init__(self, packet_bytes: int) -> None:
        self.packet_bytes = packet_bytes
        self.phase = Phase.STARTUP
        self.shortest_rtt = math.inf
        self._shortest_at = 0.0
        self._delivered = 0
        self._delivered_at = 0.0
        self._first_at = 0.0
        self._rates: deque[tuple[int, float]] = deque()
        """(round, bandwidth), bandwidths falling: the largest of the last rounds is the first."""
        self._round = 0
        self._round_ends_at = 0
        """Of the bytes delivered."""
        self._round_lost = self._round_acked = 0
        self._full = 0.0
        self._full_rounds = 0
        self._ceiling = math.inf
        self._turn, self._turn_at = 0, 0.0
        self._look_until: float | None = None

    @property
    def bandwidth(self) -> float:
        """Of the bottleneck; 0 before anything was acknowledged."""
        return min(self._rates[0][1] if self._rates else 0.0, self._ceiling)

    @property
    def pacing_rate(self) -> float | None:
        """None before the path is known at all."""
        if not self._rates:
            return None
        match self.phase:
            case Phase.STARTUP:
                gain = STARTUP_GAIN
            case Phase.DRAIN:
                gain = DRAIN_GAIN
            case Phase.CRUISE:
                gain = CRUISE_GAINS[self._turn]
            case Phase.LOOK:
                gain = 1.0
        return max(gain * self.bandwidth, self.packet_bytes / 1.0)

    @property
    def window(self) -> int:
        """Bytes that may be in flight."""
        least = LEAST_PACKETS * self.packet_bytes
        if self.phase is Phase.LOOK:
            return least
        if not self._rates or math.isinf(self.shortest_rtt):
            return INITIAL_PACKETS * self.packet_bytes
        gain = STARTUP_GAIN if self.phase in (Phase.STARTUP, Phase.DRAIN) else WINDOW_GAIN
        return max(least, round(gain * self._pipe()) + 3 * self.packet_bytes)

    def _pipe(self) -> float:
        """The bytes that fill the path and no queue."""
        return self.bandwidth * self.shortest_rtt

    def sent(self, size: int, now: float, in_flight: int) -> Sent:
        """A packet leaves; `in_flight` without it."""
        if in_flight == 0:
            self._first_at = self._delivered_at = now
        limited = in_flight + size < self._pipe() / 2 if self.phase is not Phase.LOOK else True
        return Sent(size, now, self._delivered, self._delivered_at, self._first_at, limited)

    def round_trip(self, rtt: float, now: float) -> None:
        if rtt <= self.shortest_rtt or now - self._shortest_at > LEAST_RTT_S + LOOK_S:
            self.shortest_rtt, self._shortest_at = rtt, now

    def acknowledged(self, packet: Sent, now: float, in_flight: int) -> None:
        """`in_flight` without it."""
        self._delivered += packet.size
        self._delivered_at = now
        self._first_at = max(self._first_at, packet.at)
        self._round_acked += 1
        self._sample(packet, now)
        if packet.delivered >= self._round_ends_at:
            self._next_round()
        self._move(now, in_flight)

    def lost(self, packets: int) -> None:
        """So many were lost."""
        self._round_lost += packets

    def collapsed(self) -> None:
        """Nothing came through for several round trips: whatever the path is now, it is another one."""
        self._rates.clear()
        self._begin_startup()

    def _sample(self, packet: Sent, now: float) -> None:
        """The slower of how fast packets left and how fast they were acknowledged."""
        took = max(now - packet.delivered_at, packet.at - packet.first_at)
        if took <= 0 or took < self.shortest_rtt / 2:
            return
        rate = (self._delivered - packet.delivered) / took
        if packet.limited and self._rates and rate < self._rates[0][1]:
            return
        while self._rates and self._rates[-1][1] <= rate:
            self._rates.pop()
        self._rates.append((self._round, rate))

    def _next_round(self) -> None:
        self._round += 1
        self._round_ends_at = self._delivered
        while len(self._rates) > 1 and self._rates[0][0] < self._round - BANDWIDTH_ROUNDS:
            self._rates.popleft()
        self._judge_losses()
        if self.phase is Phase.STARTUP:
            self._judge_growth()

    def _judge_losses(self) -> None:
        lost, total = self._round_lost, self._round_lost + self._round_acked
        self._round_lost = self._round_acked = 0
        if lost >= HEAVY_LOSS_PACKETS and lost > HEAVY_LOSS * total:
            self._ceiling = YIELD * self.bandwidth
            if self.phase is Phase.STARTUP:
                self.phase = Phase.DRAIN
        elif self._rates and not math.isinf(self._ceiling):
            self._ceiling *= REGROW
            if self._ceiling > CRUISE_GAINS[0] * self._rates[0][1]:
                self._ceiling = math.inf

    def _judge_growth(self) -> None:
        if self.bandwidth >= FULL_GROWTH * self._full:
            self._full, self._full_rounds = self.bandwidth, 0
            return
        self._full_rounds += 1
        if self._full_rounds >= FULL_ROUNDS:
            self.phase = Phase.DRAIN

    def _move(self, now: float, in_flight: int) -> None:
        if self.phase is Phase.DRAIN and in_flight <= self._pipe():
            self._begin_cruise(now)
        elif self.phase is Phase.CRUISE and self._turn_is_over(now, in_flight):
            self._turn, self._turn_at = (self._turn + 1) % len(CRUISE_GAINS), now
        if self.phase is Phase.LOOK:
            self._look(now, in_flight)
        elif self.phase is Phase.CRUISE and now - self._shortest_at > LEAST_RTT_S:
            self.phase, self._look_until = Phase.LOOK, None

    def _turn_is_over(self, now: float, in_flight: int) -> bool:
        """A turn that drains ends as soon as it has."""
        drained = CRUISE_GAINS[self._turn] < 1 and in_flight <= self._pipe()
        return drained or now - self._turn_at > self.shortest_rtt

    def _look(self, now: float, in_flight: int) -> None:
        if self._look_until is None:
            if in_flight <= LEAST_PACKETS * self.packet_bytes:
                self._look_until = now + max(LOOK_S, self.shortest_rtt)
        elif now > self._look_until:
            self._shortest_at = now
            self._begin_cruise(now)

    def _begin_cruise(self, now: float) -> None:
        # Not at the gain that drains: the queue is empty.
        self.phase, self._turn, self._turn_at = Phase.CRUISE, 2, now

    def _begin_startup(self) -> None:
        self.phase, self._full, self._full_rounds, self._ceiling = Phase.STARTUP, 0.0, 0, math.inf
