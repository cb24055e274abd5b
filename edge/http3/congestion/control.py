"""The path model as aioquic's congestion controller, and its pace as aioquic's pacer.

aioquic paces at a window in a round trip, which for a window of twice the path fills a queue for nothing. Its pacer
has no public name to set another rate by, so `pace_by_model` replaces it; tests/edge/http3/test_congestion.py pins it.
"""

from __future__ import annotations

from collections.abc import Iterable

from aioquic.quic.congestion.base import QuicCongestionControl, register_congestion_control
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet_builder import QuicSentPacket
from aioquic.quic.recovery import QuicPacketPacer

from edge.http3.congestion.model import PathModel, Sent

NAME = "path-model"
BURST_PACKETS = 16
"""That may leave together after a pause: timers are a millisecond apart at best."""


class ModelControl(QuicCongestionControl):
    def __init__(self, *, max_datagram_size: int) -> None:
        super().__init__(max_datagram_size=max_datagram_size)
        self.model = PathModel(max_datagram_size)
        self._sent: dict[int, Sent] = {}
        """By the packet's identity: numbers repeat in each packet number space."""

    def on_packet_sent(self, *, packet: QuicSentPacket) -> None:
        self._sent[id(packet)] = self.model.sent(packet.sent_bytes, packet.sent_time or 0.0, self.bytes_in_flight)
        self.bytes_in_flight += packet.sent_bytes

    def on_packet_acked(self, *, now: float, packet: QuicSentPacket) -> None:
        self.bytes_in_flight -= packet.sent_bytes
        self.model.acknowledged(self._sent.pop(id(packet)), now, self.bytes_in_flight)
        self.congestion_window = self.model.window

    def on_packets_lost(self, *, now: float, packets: Iterable[QuicSentPacket]) -> None:  # noqa: ARG002 - aioquic's
        self.model.lost(self._forget(packets))

    def on_packets_expired(self, *, packets: Iterable[QuicSentPacket]) -> None:
        self._forget(packets)

    def on_persistent_congestion(self) -> None:
        self.model.collapsed()
        self.congestion_window = self.model.window

    def on_rtt_measurement(self, *, now: float, rtt: float) -> None:
        self.model.round_trip(rtt, now)

    def _forget(self, packets: Iterable[QuicSentPacket]) -> int:
        count = 0
        for packet in packets:
            self.bytes_in_flight -= packet.sent_bytes
            self._sent.pop(id(packet), None)
            count += 1
        return count


class ModelPacer(QuicPacketPacer):
    def __init__(self, model: PathModel, max_datagram_size: int) -> None:
        super().__init__(max_datagram_size=max_datagram_size)
        self._model = model

    def update_rate(self, congestion_window: int, smoothed_rtt: float) -> None:
        rate = self._model.pacing_rate
        if rate is None:
            super().update_rate(congestion_window, smoothed_rtt)
            return
        self.packet_time = self._max_datagram_size / rate
        self.bucket_max = BURST_PACKETS * self.packet_time
        self.bucket_time = min(self.bucket_time, self.bucket_max)


def pace_by_model(quic: QuicConnection) -> None:
    """Of a connection whose configuration names NAME."""
    loss = quic._loss  # noqa: SLF001 - no public name
    control = loss._cc  # noqa: SLF001
    if isinstance(control, ModelControl):
        loss._pacer = ModelPacer(control.model, control.model.packet_bytes)  # noqa: SLF001


register_congestion_control(NAME, ModelControl)
