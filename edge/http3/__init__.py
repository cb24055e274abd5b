"""The HTTP/3 front: QUIC and HTTP/3 by aioquic's sans-I/O parts, over any ASGI 3 application.

Only this folder imports aioquic. Rules: `fields`, `limits`, `credit`, `body`, `response`. Vendor wrappers:
`transport`, `framing`, `arrival`, `tickets`. Shells: `udp`, `connection`, `exchange`, `server`. The other end is in
`client/`, how fast it sends in `congestion/`.
"""

from __future__ import annotations

from edge.http3.server import Http3Server
from edge.http3.settings import Http3Settings
from edge.http3.stats import Http3Stats

__all__ = ["Http3Server", "Http3Settings", "Http3Stats"]
