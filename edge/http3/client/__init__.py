"""The other end of HTTP/3: a client over aioquic's sans-I/O parts, for those who upload to a gateway.

Shells: `dialing` finds an address that answers, `connection` is one QUIC connection, `exchange` one request on it.
"""

from __future__ import annotations

from edge.http3.client.dialing import dial
from edge.http3.client.exchange import Exchange, ExchangeFailed

__all__ = ["Exchange", "ExchangeFailed", "dial"]
