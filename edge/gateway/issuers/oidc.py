"""An OpenID Connect issuer: its keys by discovery, kept for minutes, fetched again for a key id that is new."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx

from edge.gateway.issuers.base import IssuerUnavailable, VerificationKey
from edge.gateway.issuers.jwk import parse_set

logger = logging.getLogger(__name__)

FRESH_MS = 600_000
"""A fetched set is used unasked for so long, and in need (issuer away) for STALE_MS."""
STALE_MS = 24 * 3600_000
LEAST_PAUSE_MS = 15_000
"""Between two fetches, whatever key ids clients invent."""
TIMEOUT_S = 3.0
MOST_BYTES = 256 * 1024


class OidcIssuer:
    """`url` is the issuer's address (OpenID Connect Discovery 1.0 section 4), its `iss` as well."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, transport=transport, follow_redirects=False)
        self._keys: dict[str, VerificationKey] = {}
        self._name = url
        self._fetched_ms: int | None = None
        self._asked_ms: int | None = None
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._name

    async def key(self, kid: str, now_ms: int) -> VerificationKey | None:
        if self._age_ms(now_ms) < FRESH_MS and kid in self._keys:
            return self._keys[kid]
        async with self._lock:
            if self._age_ms(now_ms) >= FRESH_MS or kid not in self._keys:
                await self._refresh(now_ms)
        if self._age_ms(now_ms) >= STALE_MS:
            raise IssuerUnavailable(f"the keys of {self._url} cannot be fetched")
        return self._keys.get(kid)

    def _age_ms(self, now_ms: int) -> int:
        return STALE_MS if self._fetched_ms is None else now_ms - self._fetched_ms

    async def _refresh(self, now_ms: int) -> None:
        if self._asked_ms is not None and now_ms - self._asked_ms < LEAST_PAUSE_MS:
            return
        self._asked_ms = now_ms
        try:
            name, jwks_url = self._discovered(await self._fetch(f"{self._url}/.well-known/openid-configuration"))
            keys = parse_set(await self._fetch(jwks_url))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            logger.warning("the issuer's keys cannot be fetched", extra={"issuer": self._url, "error": str(error)})
            return
        self._keys, self._fetched_ms, self._name = keys, now_ms, name

    def _discovered(self, document: object) -> tuple[str, str]:
        """The `iss` and the JWKS address; an issuer must name itself (Discovery 1.0 section 4.3)."""
        name = document.get("issuer") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(name, str) or name.rstrip("/") != self._url:
            raise ValueError("the discovery document names another issuer")
        return name, str(document.get("jwks_uri", ""))

    async def _fetch(self, url: str) -> object:
        body = bytearray()
        async with self._client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ValueError(f"{url} answered {answer.status_code}")
            async for block in answer.aiter_bytes():
                body += block
                if len(body) > MOST_BYTES:
                    raise ValueError(f"{url} sent more than {MOST_BYTES} bytes")
        return json.loads(body)

    async def close(self) -> None:
        await self._client.aclose()
