"""The packet table of a clip's video track: what is really in the file, whatever its header says. Rules file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FIELDS = "pts,dts,duration,size,flags"
"""Of ffprobe's packets; it prints them in this order."""


@dataclass(frozen=True, slots=True)
class Packet:
    """Times in the track's time base, size in bytes."""

    pts: int
    dts: int
    duration: int
    size: int
    key: bool
    """A sync sample: decoding may begin here."""
    shown: bool
    """False for what lies outside the edit list: decoded, never presented."""


@dataclass(frozen=True, slots=True)
class PacketSpan:
    """The presented packets of one track: their number, first start and last end in the track's time base."""

    packets: int
    start: int
    end: int


def read_packets(lines: Iterable[str]) -> tuple[Packet, ...]:
    """The packets of ffprobe's lines of FIELDS, in decoding order; lines without a presentation time are left out."""
    packets = []
    for line in lines:
        values = line.strip().split(",")
        if len(values) < 5:
            continue
        try:
            pts = int(values[0])
            dts, duration, size = (_whole(value) for value in values[1:4])
        except ValueError:
            continue
        packets.append(Packet(pts, dts, duration, size, "K" in values[4], "D" not in values[4]))
    return tuple(packets)


def span_of(packets: Sequence[Packet]) -> PacketSpan | None:
    """None when nothing is presented."""
    shown = [packet for packet in packets if packet.shown]
    if not shown:
        return None
    end = max(packet.pts + packet.duration for packet in shown)
    return PacketSpan(len(shown), min(packet.pts for packet in shown), end)


def has_open_gop(packets: Sequence[Packet]) -> bool:
    """Whether a picture that follows a sync sample in decoding order comes before it in presentation: it may need
    what lies before the sync sample, so a segment that begins there would not decode by itself."""
    latest_key: int | None = None
    for packet in packets:
        if packet.key:
            latest_key = packet.pts
        elif latest_key is None or packet.pts < latest_key:
            return True
    return False


def _whole(value: str) -> int:
    return 0 if value in {"N/A", ""} else int(value)
