"""How fast is sent on paths of all kinds, on a virtual clock; and that aioquic goes by it."""

from __future__ import annotations

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from edge.http3.congestion.control import NAME, ModelControl, ModelPacer, pace_by_model
from edge.http3.congestion.model import Phase
from tests.edge.http3.simulated_link import PACKET, Link, Sender

MBIT = 125_000.0


def a_link(mbit: float = 20, rtt: float = 0.06, queue_s: float = 0.1, loss: float = 0.0, seed: int = 1) -> Link:
    return Link(mbit * MBIT, rtt / 2, int(mbit * MBIT * queue_s), loss, seed)


def used(link: Link, *senders: Sender, since: float, until: float) -> list[float]:
    """Shares of the link's rate that the senders got."""
    link.run(since)
    before = [each.delivered for each in senders]
    link.run(until)
    return [(each.delivered - had) / (link.rate * (until - since)) for each, had in zip(senders, before, strict=True)]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("loss", "least"), [(0.0, 0.85), (0.01, 0.85), (0.05, 0.8), (0.1, 0.7)])
def test_random_loss_leaves_the_path_in_use(loss: float, least: float, seed: int) -> None:
    link = a_link(loss=loss, seed=seed)
    (share,) = used(link, Sender(link), since=1, until=9)
    assert least * (1 - loss) <= share <= 1


@pytest.mark.parametrize(("mbit", "rtt"), [(0.5, 0.3), (2, 0.05), (50, 0.06), (200, 0.01)])
def test_paths_slow_and_fast_near_and_far_are_found(mbit: float, rtt: float) -> None:
    link = a_link(mbit, rtt, queue_s=max(0.1, 2 * rtt))
    sender = Sender(link)
    (share,) = used(link, sender, since=3, until=9)
    assert share > 0.8
    assert sender.model.shortest_rtt == pytest.approx(rtt + PACKET / link.rate, rel=0.2)


def test_a_deep_queue_is_not_filled() -> None:
    link = a_link(queue_s=5)
    Sender(link)
    link.run(3)
    link.longest_queue = 0
    link.run(9)
    assert link.longest_queue < 0.09


def test_two_share_a_path() -> None:
    link = a_link(queue_s=0.3)
    first, second = Sender(link), Sender(link, begins=3)
    shares = used(link, first, second, since=15, until=40)
    assert sum(shares) > 0.85
    assert min(shares) > 0.2


def test_a_path_that_drops_a_third_is_given_way_to() -> None:
    link = a_link(loss=0.35)
    sender = Sender(link)
    link.run(8)
    assert sender.model.bandwidth < 0.35 * link.rate


def test_a_policer_is_found_without_losing_a_quarter_for_ever() -> None:
    link = a_link(mbit=4, queue_s=0.01)
    sender = Sender(link)
    (share,) = used(link, sender, since=4, until=12)
    assert share > 0.6


def test_after_an_outage_the_path_is_found_again() -> None:
    link = a_link()
    sender = Sender(link)
    link.run(3)
    link.up = False
    link.run(8)
    link.up = True
    (share,) = used(link, sender, since=12, until=15)
    assert share > 0.75


def test_a_path_that_becomes_slower_or_faster_is_followed() -> None:
    link = a_link(mbit=20, queue_s=0.2)
    sender = Sender(link)
    link.run(4)
    link.rate = 5 * MBIT
    assert used(link, sender, since=8, until=12)[0] > 0.8
    assert sender.model.bandwidth < 1.3 * link.rate
    link.rate = 20 * MBIT
    assert used(link, sender, since=18, until=22)[0] > 0.75


def test_the_shortest_round_trip_is_looked_for_again_and_the_path_used_after_it() -> None:
    link = a_link()
    sender = Sender(link)
    phases = set()
    for tenth in range(10, 140):
        link.run(tenth / 10)
        phases.add(sender.model.phase)
    assert Phase.CRUISE in phases
    assert sender.model.window > 4 * PACKET
    assert used(link, sender, since=14, until=30)[0] > 0.75


def test_aioquic_takes_window_and_pace_from_the_model() -> None:
    configuration = QuicConfiguration(is_client=True, congestion_control_algorithm=NAME)
    quic = QuicConnection(configuration=configuration)
    pace_by_model(quic)
    control, pacer = quic._loss._cc, quic._loss._pacer
    assert isinstance(control, ModelControl)
    assert isinstance(pacer, ModelPacer)
    control.model.round_trip(0.1, 1.0)
    sent = control.model.sent(12_000, 1.0, 0)
    control.model.acknowledged(sent, 1.1, 0)
    pacer.update_rate(99, 9.0)
    assert control.model.pacing_rate is not None
    assert pacer.packet_time == pytest.approx(configuration.max_datagram_size / control.model.pacing_rate)
