"""Which HTTP a client speaks with a server: HTTP/3 where it is offered and works, else what TCP carries."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx

from deploy.alt_svc import Alternative, http3_alternative
from deploy.http3_transport import Http3Transport, NoHttp3

FAILURES_MOST = 2
"""Connections in a row that broke with a request on them, until HTTP/3 is left alone."""


class Http(StrEnum):
    """What may be spoken; `auto` begins with HTTP/1.1 and takes HTTP/3 when the server offers it (Alt-Svc)."""

    AUTO = "auto"
    HTTP1 = "1"
    HTTP2 = "2"
    HTTP3 = "3"


@dataclass(slots=True)
class _Standing:
    """What is known of HTTP/3 with this server."""

    offered: Alternative | None = None
    failures: int = 0
    broken: int = 0
    """The connection that broke last, by its number: it takes all of its requests with it."""

    @property
    def worth_trying(self) -> bool:
        return self.offered is not None and self.failures < FAILURES_MOST


class Ways(httpx.BaseTransport):
    """Over `tcp`, and over HTTP/3 to `origin` alone. Threads may share it.

    A request whose connection broke under it is not sent again here: the caller knows what may be repeated. The next
    one tries HTTP/3 again, until it failed too often.
    """

    def __init__(self, tcp: httpx.BaseTransport, origin: httpx.URL, certificate: Path | None, http: Http) -> None:
        self._tcp = tcp
        self._origin = (origin.scheme, origin.host, origin.port)
        self._certificate = certificate
        self._http = http
        self._standing = _Standing()
        if http is Http.HTTP3:
            self._standing.offered = Alternative(origin.host, origin.port or 443)
        self._http3: Http3Transport | None = None
        self._lock = threading.Lock()
        self.spoken = ""
        """Of the latest answer, as `HTTP/3`."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if self._standing.worth_trying and self._is_origin(url):
            answered = self._over_http3(request)
            if answered is not None:
                return answered
        return self._over_tcp(request)

    def _over_http3(self, request: httpx.Request) -> httpx.Response | None:
        """None where no connection could be had, so that TCP may try."""
        try:
            response = self._transport().handle_request(request)
        except NoHttp3:
            if self._http is Http.HTTP3:
                raise
            # A network that lets no UDP through will not do so for the next request either.
            self._standing.failures = FAILURES_MOST
            return None
        except httpx.TransportError:
            number = self._transport().made
            if self._http is not Http.HTTP3 and number != self._standing.broken:
                self._standing.failures, self._standing.broken = self._standing.failures + 1, number
            raise
        self._standing.failures = 0
        return self._told(response)

    def _over_tcp(self, request: httpx.Request) -> httpx.Response:
        response = self._told(self._tcp.handle_request(request))
        field = response.headers.get("alt-svc")
        wanted = self._http is Http.AUTO and self._standing.offered is None
        # Over plain HTTP anybody on the way could have said it.
        if wanted and field is not None and request.url.scheme == "https" and self._is_origin(request.url):
            self._standing.offered = http3_alternative(field, request.url.host)
        return response

    def _told(self, response: httpx.Response) -> httpx.Response:
        self.spoken = response.extensions["http_version"].decode()
        return response

    def _is_origin(self, url: httpx.URL) -> bool:
        return (url.scheme, url.host, url.port) == self._origin

    def _transport(self) -> Http3Transport:
        with self._lock:
            if self._http3 is None and self._standing.offered is not None:
                self._http3 = Http3Transport(self._origin[1], self._standing.offered, self._certificate)
            assert self._http3 is not None  # noqa: S101 - it is asked for only where there is one to try
            return self._http3

    def close(self) -> None:
        self._tcp.close()
        if self._http3 is not None:
            self._http3.close()
