"""The server's QUIC connection against aioquic's client, in memory, on a virtual clock, with seeded losses."""

from __future__ import annotations

import random
import ssl
from pathlib import Path

import pytest
from aioquic.h3.connection import H3_ALPN
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import HandshakeCompleted, StreamDataReceived

from edge.http3 import Http3Settings
from edge.http3.credit import raised_limit
from edge.http3.tickets import TicketStore
from edge.http3.transport import EdgeQuicConnection, quic_configuration

CLIENT, SERVER = ("192.0.2.1", 50_000), ("192.0.2.2", 443)
KIB = 1024
LATENCY_S = 0.01
MAX_ROUNDS = 20_000
IDLE_S = 10.0
"""A timer further off than this is the idle timeout: time does not jump there."""


class Pair:
    """Two ends and a wire that loses every datagram with probability `loss`, both ways."""

    def __init__(self, certificate: tuple[Path, Path], loss: float = 0.0, seed: int = 0) -> None:
        self.settings = Http3Settings(
            certificate_path=certificate[0],
            private_key_path=certificate[1],
            stream_window_bytes=64 * KIB,
            connection_window_bytes=128 * KIB,
        )
        self.client = QuicConnection(configuration=QuicConfiguration(alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE))
        tickets = TicketStore(4)
        self.server = EdgeQuicConnection(
            self.settings,
            quic_configuration(self.settings),
            original_destination_cid=self.client.original_destination_connection_id,
            retry_source_cid=None,
            ticket_fetcher=tickets.get,
            ticket_handler=tickets.put,
        )
        self.now_s = 0.0
        self._loss = loss
        self._random = random.Random(seed)
        self.received = bytearray()
        self.established = False
        self.client.connect(SERVER, self.now_s)

    def exchange(self) -> None:
        """One round: both ends send what they have, or time goes on to the next timer."""
        self.now_s += LATENCY_S
        sent = self._carry(self.client, self.server, CLIENT) + self._carry(self.server, self.client, SERVER)
        self._take_events()
        if not sent:
            timers = [end.get_timer() for end in (self.client, self.server)]
            next_s = min((at for at in timers if at is not None), default=self.now_s)
            if next_s - self.now_s < IDLE_S:
                self.now_s = max(self.now_s, next_s)
            for end in (self.client, self.server):
                at = end.get_timer()
                if at is not None and at <= self.now_s:
                    end.handle_timer(self.now_s)

    def _carry(self, sender: QuicConnection, receiver: QuicConnection, source: tuple[str, int]) -> int:
        if sender is self.server and not sender._network_paths:
            return 0
        datagrams = sender.datagrams_to_send(self.now_s)
        for data, _ in datagrams:
            if self._random.random() >= self._loss:
                receiver.receive_datagram(data, source, self.now_s)
        return len(datagrams)

    def _take_events(self) -> None:
        while self.client.next_event() is not None:
            pass
        while (event := self.server.next_event()) is not None:
            if isinstance(event, StreamDataReceived):
                self.received += event.data
            self.established |= isinstance(event, HandshakeCompleted)

    def consume(self, stream_id: int) -> None:
        """Grant as the front does for an application that reads everything at once."""
        state = self.server.receiving(stream_id)
        if state is None:
            return
        highest, gap, granted = state
        limit = raised_limit(highest - gap, self.settings.stream_window_bytes, granted)
        if limit is not None:
            self.server.grant_stream(stream_id, limit)
        total = raised_limit(
            self.server.received_total - gap, self.settings.connection_window_bytes, self.server.granted_total
        )
        if total is not None:
            self.server.grant_connection(total)


def established(certificate: tuple[Path, Path], loss: float = 0.0, seed: int = 0) -> Pair:
    pair = Pair(certificate, loss, seed)
    for _ in range(MAX_ROUNDS):
        if pair.established:
            break
        pair.exchange()
    return pair


def test_no_credit_is_given_that_was_not_granted(certificate: tuple[Path, Path]) -> None:
    pair = established(certificate)
    pair.client.send_stream_data(0, bytes(1024 * KIB))
    for _ in range(300):
        pair.exchange()
    assert len(pair.received) == 64 * KIB
    assert pair.server.receiving(0) == (64 * KIB, 0, 64 * KIB)
    pair.server.grant_stream(0, 500 * KIB)
    for _ in range(300):
        pair.exchange()
    assert len(pair.received) == pair.server.received_total == 128 * KIB
    pair.server.grant_connection(200 * KIB)
    for _ in range(300):
        pair.exchange()
    assert len(pair.received) == 200 * KIB


@pytest.mark.parametrize("seed", range(5))
def test_grants_that_are_lost_are_given_again(certificate: tuple[Path, Path], seed: int) -> None:
    pair = established(certificate, loss=0.15, seed=seed)
    body = random.Random(seed).randbytes(600 * KIB)
    pair.client.send_stream_data(0, body, end_stream=True)
    for _ in range(MAX_ROUNDS):
        pair.exchange()
        pair.consume(0)
        if pair.server.receive_finished(0):
            break
    assert bytes(pair.received) == body


def test_stream_slots_come_back_as_streams_end(certificate: tuple[Path, Path]) -> None:
    pair = established(certificate)
    for number in range(400):
        stream_id = 4 * number
        pair.client.send_stream_data(stream_id, b"x", end_stream=True)
        for _ in range(10):
            pair.exchange()
            if pair.server.knows(stream_id) and pair.server.can_send(stream_id):
                pair.server.send_stream_data(stream_id, b"y", end_stream=True)
    assert len(pair.received) == 400


def test_a_broken_stream_holds_no_bytes(certificate: tuple[Path, Path]) -> None:
    pair = established(certificate)
    pair.client.send_stream_data(0, b"x", end_stream=True)
    for _ in range(5):
        pair.exchange()
    pair.server.send_stream_data(0, bytes(100 * KIB))
    assert pair.server.send_held(0) == 100 * KIB
    pair.server.break_sending(0, 0x10C)
    assert (pair.server.send_held(0), pair.server.can_send(0)) == (0, False)
    for _ in range(50):
        pair.exchange()
    assert not pair.server.knows(0)
