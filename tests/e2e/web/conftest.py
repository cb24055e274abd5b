"""A real Chromium on the real system: HTTP/3 to the child process's own certificate, nothing stubbed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Playwright, async_playwright

from tests.e2e.system import RunningSystem

CHROMIUM = "/usr/bin/chromium"
PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1440, "height": 900}
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
)
# Runs in every page before its own code: what the tests judge a visit by.
WITNESS = """
window.witnessed = { violations: [], shift: 0, shifts: [] };
addEventListener('securitypolicyviolation', (event) => {
  witnessed.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    witnessed.shift += entry.value;
    witnessed.shifts.push(entry.sources.map((one) => one.node?.className ?? '?'));
  }
}).observe({ type: 'layout-shift', buffered: true });
"""


def spki_pin(certificate: Path) -> str:
    """Base64 SHA-256 of the certificate's public key, as Chromium's --ignore-certificate-errors-spki-list takes it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    return base64.b64encode(
        hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    ).decode()


def chromium_arguments(system: RunningSystem) -> list[str]:
    """QUIC is forced from the first request, as it is for a viewer who has been here before (Alt-Svc)."""
    origins = {urlsplit(url).netloc for url in (system.public_url, system.media_url)}
    return [
        *QUIET,
        "--enable-quic",
        f"--origin-to-force-quic-on={','.join(sorted(origins))}",
        f"--ignore-certificate-errors-spki-list={spki_pin(system.certificate)}",
        "--host-resolver-rules=MAP localhost 127.0.0.1",
    ]


@dataclass
class Visit:
    """One page of one browser profile, and what it complained about."""

    context: BrowserContext
    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of complaints that the test provokes."""

    def listen(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    async def open(self, path: str = "/") -> None:
        await self.page.goto(self.url + path)

    async def until(self, predicate: str, arg: Any = None, within_s: float = 20) -> None:
        """Waits for a JavaScript predicate. Playwright's own wait evaluates in the page; its policy forbids that."""
        end = time.monotonic() + within_s
        while not await self.page.evaluate(predicate, arg):
            assert time.monotonic() < end, f"not within {within_s} s: {predicate}"
            await asyncio.sleep(0.05)

    async def playing(self) -> None:
        """Waits until the current video shows moving pictures."""
        await self.until("document.querySelector('.slide:not([inert]) video.painted')?.currentTime > 0.2")

    async def shown(self) -> str:
        """Id of the video on screen."""
        return str(await self.page.locator(".slide:not([inert])").get_attribute("data-video"))

    async def swipe(self, key: str = "j") -> str:
        """To the next video (or, with `k`, the previous); returns its id once it plays."""
        before = await self.shown()
        await self.page.keyboard.press(key)
        await self.until(
            "before => document.querySelector('.slide:not([inert])')?.dataset.video !== before", arg=before
        )
        await self.playing()
        return await self.shown()

    async def choose_handle(self) -> None:
        """Answers the question for a handle with one that nobody has."""
        await self.page.fill("#handle", f"viewer{secrets.token_hex(4)}")
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_selector("dialog", state="detached")

    async def witnessed(self) -> dict[str, Any]:
        return dict(await self.page.evaluate("witnessed"))

    async def media(self) -> list[dict[str, Any]]:
        """Resource timings of everything under a playback token, in order."""
        return list(
            await self.page.evaluate(
                """performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/p/'))
                .map((entry) => ({ url: entry.name, by: entry.initiatorType, protocol: entry.nextHopProtocol,
                  network: entry.transferSize, size: entry.decodedBodySize, at: entry.startTime }))"""
            )
        )


Opener = Callable[..., Awaitable[Visit]]


@pytest.fixture
def reelway_url(system: RunningSystem) -> str:
    """Where the web app is served."""
    return system.public_url


@pytest.fixture(scope="session")
def chromium_path() -> str:
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return CHROMIUM


@pytest.fixture
async def chromium() -> AsyncIterator[Playwright]:
    async with async_playwright() as playwright:
        yield playwright


@pytest.fixture
async def open_visit(
    chromium: Playwright, chromium_path: str, system: RunningSystem, library: list[dict[str, Any]], tmp_path: Path
) -> AsyncIterator[Opener]:
    """Opens profiles of their own on the system, which holds a library; complaints that no test expected fail it."""
    visits: list[Visit] = []

    async def made(viewport: dict[str, int] = PHONE, **options: Any) -> Visit:
        context = await chromium.chromium.launch_persistent_context(
            tmp_path / f"profile-{len(visits)}",
            executable_path=chromium_path,
            headless=True,
            args=chromium_arguments(system),
            ignore_default_args=["--disable-quic"],
            viewport=viewport,  # type: ignore[arg-type]
            has_touch=viewport is PHONE,
            **{"color_scheme": "dark", **options},
        )
        await context.add_init_script(WITNESS)
        visit = Visit(context, context.pages[0], system.public_url)
        visit.listen()
        visits.append(visit)
        return visit

    yield made
    for visit in visits:
        await visit.context.close()
    unexpected = [
        one for visit in visits for one in visit.complaints if not any(part in one for part in visit.expected)
    ]
    assert not unexpected, unexpected


@pytest.fixture
async def visit(open_visit: Opener) -> Visit:
    """A phone-sized visit."""
    return await open_visit()


@pytest.fixture
def browser_page(visit: Visit) -> Page:
    """The page of a phone-sized visit."""
    return visit.page
