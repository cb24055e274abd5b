"""Bounds of the channels between roles, each with its unit. Rules file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RpcSettings:
    message_bytes: int = 4 << 20
    """Of one message, either way. 500 interactions take about 100 kB, 50 videos 200 kB."""
    metadata_bytes: int = 16 << 10
    """Of a call's metadata."""
    calls_most: int = 2_000
    """Calls and streams that a server works on at once; what comes beyond is refused."""
    streams_most: int = 1_000
    """Of them streams, so that those who watch leave room for calls."""
    keepalive_s: float = 5.0
    """A connection without traffic is tried after so long."""
    keepalive_answer_s: float = 2.0
    """A peer that does not answer in so long is given up: its process is frozen, or the network is cut."""
    reconnect_first_s: float = 0.1
    reconnect_most_s: float = 2.0
    """Pauses between tries to connect: short, so that a restarted server is found soon."""
    connection_s: float = 300.0
    """After so long a client connects anew, looks its target up again and so finds servers that were added."""
    connection_grace_s: float = 1_000.0
    """For calls and streams on the old connection; the gateway's event streams last up to 900 s."""
    leave_s: float = 0.3
    """From saying that it stops until it takes no more calls: what clients need to turn to other servers."""
    attempts: int = 3
    """Of a call that may be repeated, while its deadline lasts."""
    retry_first_s: float = 0.02
    retry_most_s: float = 0.5
    retry_tokens: int = 1_000
    """Failures in hand: each takes one, and below half of them nothing is retried."""
    retry_tokens_back: float = 0.5
    """Given back by each success."""
