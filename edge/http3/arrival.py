"""Rules: what to do with a datagram, by its first packet's header (RFC 9000 5.2, 6.1, 8.1, 14.1).

Reads bytes and the table it is given; sends nothing, changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from aioquic._buffer import Buffer
from aioquic.quic.packet import (
    QuicPacketType,
    QuicProtocolVersion,
    pull_quic_header,
)

CID_BYTES = 8
"""Length of the connection IDs we issue: aioquic's default."""

MIN_INITIAL_BYTES = 1200
VERSIONS = [int(QuicProtocolVersion.VERSION_1), int(QuicProtocolVersion.VERSION_2)]


@dataclass(frozen=True, slots=True)
class Packet:
    """For the connection of `destination_cid`, if there is one."""

    destination_cid: bytes


@dataclass(frozen=True, slots=True)
class Initial:
    """Also for a connection; opens one if there is none."""

    destination_cid: bytes
    source_cid: bytes
    version: int
    token: bytes


@dataclass(frozen=True, slots=True)
class UnknownVersion:
    """Answer with Version Negotiation."""

    destination_cid: bytes
    source_cid: bytes


@dataclass(frozen=True, slots=True)
class Noise:
    """Drop without a word."""


Arrival = Packet | Initial | UnknownVersion | Noise


def classify(data: bytes) -> Arrival:
    """Read a datagram's first header; never raises."""
    try:
        header = pull_quic_header(Buffer(data=data), host_cid_length=CID_BYTES)
    except ValueError:
        return Noise()
    kind = header.packet_type
    if kind in (QuicPacketType.VERSION_NEGOTIATION, QuicPacketType.RETRY):
        return Noise()
    if header.version is not None and header.version not in VERSIONS:
        if len(data) < MIN_INITIAL_BYTES:
            return Noise()
        return UnknownVersion(header.destination_cid, header.source_cid)
    if kind == QuicPacketType.INITIAL and len(data) >= MIN_INITIAL_BYTES and header.version is not None:
        return Initial(header.destination_cid, header.source_cid, header.version, header.token)
    return Packet(header.destination_cid)
