"""Sends one message to one receiver, safely. Shell.

The name is resolved here and the connection made to the address that was judged; TLS still proves the name. No redirect
is followed, no proxy of the environment used, no connection kept (two names may share an address), and of the answer
nothing but its head is waited for.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from ssl import SSLContext

import httpx

from origin.webhooks.schedule import Answer
from origin.webhooks.target import Address, BadTarget, Reach, Target, choose

MOST_ERROR_CHARACTERS = 200
"""Kept of why there was no answer: a library may repeat what the receiver said, whole."""
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


@dataclass(frozen=True, slots=True)
class SenderSettings:
    connect_s: float = 5.0
    whole_s: float = 15.0
    """From the name's resolution to the answer's head, and the wait for a place besides."""
    at_once: int = 64
    """Attempts under way to all receivers together."""
    addresses: int = 2
    """Of one name that are tried."""


class SystemResolver:
    """The system's resolver, in threads of its own: a name server that hangs must not hold the loop's, which files are
    read in."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "webhook-names")

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """Raises OSError, UnicodeError."""
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [ip_address(each[4][0]) for each in found]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Sender:
    """`resolve` is the system's resolver unless given. `verify` is the trust in receivers' certificates; by default the
    well-known authorities."""

    def __init__(
        self,
        reach: Reach,
        settings: SenderSettings | None = None,
        resolve: Resolve | None = None,
        verify: SSLContext | bool = True,
    ) -> None:
        self._reach = reach
        self._settings = settings or SenderSettings()
        self._names = SystemResolver(self._settings.at_once)
        self._resolve = resolve or self._names.resolve
        self._places = asyncio.Semaphore(self._settings.at_once)
        self._client = httpx.AsyncClient(
            verify=verify,
            timeout=httpx.Timeout(self._settings.whole_s, connect=self._settings.connect_s),
            limits=httpx.Limits(max_connections=self._settings.at_once, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
        )

    async def send(self, target: Target, fields: Mapping[str, str], body: bytes) -> Answer:
        """One attempt. Whatever goes wrong with the receiver is told in the answer."""
        async with self._places:
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._settings.whole_s):
                    status, retry_after = await self._attempt(target, fields, body)
                error = ""
            except TimeoutError:
                status, retry_after, error = None, "", f"no answer within {self._settings.whole_s:g} s"
            except (BadTarget, httpx.HTTPError, OSError, UnicodeError) as failure:
                status, retry_after, error = None, "", str(failure)[:MOST_ERROR_CHARACTERS] or type(failure).__name__
            return Answer(status, error, retry_after, round(1000 * (time.monotonic() - began)))

    async def close(self) -> None:
        await self._client.aclose()
        self._names.close()

    async def _attempt(self, target: Target, fields: Mapping[str, str], body: bytes) -> tuple[int, str]:
        found = choose(target, await self._resolve(target.host, target.port), self._reach)
        several = list(dict.fromkeys(found))[: self._settings.addresses]
        for address in several[:-1]:
            try:
                return await self._ask(target, address, fields, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._ask(target, several[-1], fields, body)

    async def _ask(self, target: Target, address: Address, fields: Mapping[str, str], body: bytes) -> tuple[int, str]:
        url = f"{target.scheme}://{_bracketed(str(address))}:{target.port}{target.path}"
        own = {"host": f"{_bracketed(target.host)}:{target.port}", "user-agent": "Reelway-Webhooks/1"}
        request = self._client.build_request(
            "POST", url, headers={**own, **fields}, content=body, extensions={"sni_hostname": target.host}
        )
        response = await self._client.send(request, stream=True)
        await response.aclose()
        return response.status_code, response.headers.get("retry-after", "")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
