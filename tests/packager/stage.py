"""A package behind the real origin and edge on a socket, and a page of another origin that plays it with Chromium."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypercorn.config import Config
from playwright.async_api import Page

from deploy.tcp import TcpServer
from edge.app import EdgeApp
from edge.node.node import CacheNode
from edge.store import open_store
from edge.upstream import open_upstream
from origin.app import OriginApp
from origin.enhancing import Enhancements
from origin.metadata import Metadata, open_metadata
from origin.model import Video, VideoStatus, Visibility
from origin.objects import open_objects
from origin.objects.base import Objects
from packager.package import Package
from packager.publish import upload
from signer.keys import open_keys
from signer.playback import PlaybackSigner

VIDEO = 7_000_000_000_000_000_001
MODULES = Path(__file__).parents[2] / "edge" / "web" / "node_modules"
SCRIPTS = {
    "/hls.js": MODULES / "hls.js/dist/hls.min.js",
    "/dash.js": MODULES / "dashjs/dist/modern/umd/dash.all.min.js",
    "/shaka.js": MODULES / "shaka-player/dist/shaka-player.compiled.js",
}
PAGE = Path(__file__).with_name("players.html")
WITHIN_S = 60


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application; gives its origin."""
    config = Config()
    config.accesslog = config.errorlog = None
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    server = TcpServer(app, config)
    await server.start(listener)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await server.drain(0.2)


async def page_app(scope: Any, _receive: Any, send: Any) -> None:
    """The page and the players, from an origin that is not the edge's."""
    if scope["type"] != "http":
        return
    path = SCRIPTS.get(scope["path"], PAGE)
    kind = b"text/javascript" if path.suffix == ".js" else b"text/html"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": await asyncio.to_thread(path.read_bytes)})


@dataclass
class Stage:
    """A video at an edge. `asked` are the files that viewers fetched there, with their status, in order."""

    metadata: Metadata
    objects: Objects
    signer: PlaybackSigner
    edge_url: str
    page_url: str
    asked: list[tuple[str, int]] = field(default_factory=list)
    revision: int = 0

    async def publish(self, package: Package) -> None:
        """As the packager does: the bytes first, then the row that names them."""
        self.revision += 1
        publication = await upload(self.objects, VIDEO, package, self.revision)
        status = VideoStatus.READY if package.complete else VideoStatus.PLAYABLE
        before = {VideoStatus.PROCESSING, VideoStatus.PLAYABLE}
        assert await self.metadata.publish(VIDEO, publication, status, now_ms(), before)

    async def add(self, package: Package) -> None:
        """As the enhancer does: a ready video is published anew, and stays ready."""
        self.revision += 1
        publication = await upload(self.objects, VIDEO, package, self.revision)
        assert await Enhancements(self.metadata, self.objects, now_ms).publish(VIDEO, publication)

    def signed(self, name: str) -> str:
        return self.signer.url(self.edge_url, VIDEO, name, now_ms())[0]

    async def open(self, page: Page, player: str, name: str) -> None:
        await page.goto(f"{self.page_url}/#player={player}&url={self.signed(name)}")

    async def ended(self, page: Page) -> dict[str, Any]:
        """What the page tells once the last picture is shown, or a player has given up. Of a clip that it had whole at
        once dash.js now and then forgets to tell the browser that no more will come."""
        out = "told.ended || video.currentTime >= video.duration"
        await page.wait_for_function(f"{out} || told.faults.length > 5", timeout=WITHIN_S * 1000)
        told: dict[str, Any] = await page.evaluate(f"({{...told, ended: {out}, duration: video.duration}})")
        return told

    def rungs(self) -> list[str]:
        """Renditions in the order in which their segments were first asked for; a return is told too."""
        names = [name.partition("-")[0] for name, _ in self.asked if name.endswith(".m4s") and name.startswith("v")]
        return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    metadata, objects = open_metadata(f"sqlite:///{folder}/metadata.db"), open_objects(f"file://{folder}/objects")
    keys = open_keys(f"file://{folder}/keys.json", now_ms)
    store = await open_store("memory:?bytes=50000000")
    await metadata.create_video(Video(VIDEO, 1, "", VideoStatus.PROCESSING, Visibility.PUBLIC, now_ms()))
    node = CacheNode(store, open_upstream("inprocess:", app=OriginApp(metadata, objects, now_ms)), now_ms)
    asked: list[tuple[str, int]] = []
    edge = watched(EdgeApp(node, keys, now_ms), asked)
    async with listening(edge) as edge_url, listening(page_app) as page_url:
        yield Stage(metadata, objects, PlaybackSigner(await keys.ring()), edge_url, page_url, asked)
    await node.close()
    for opened in (store, keys, objects, metadata):
        await opened.close()


def watched(app: Any, asked: list[tuple[str, int]]) -> Any:
    """The application, with what it is asked for written down."""

    async def called(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                asked.append((scope["path"].partition(f"/v/{VIDEO}/")[2], message["status"]))
            await send(message)

        await app(scope, receive, told)

    return called


async def throttle(page: Page, kilobits: Sequence[tuple[float, float]]) -> None:
    """Limit what the page downloads, at first and after so many seconds each: (seconds, kilobits per second)."""
    network = await page.context.new_cdp_session(page)
    await network.send("Network.enable")
    for seconds, rate in kilobits:
        await asyncio.sleep(seconds)
        limits = {"offline": False, "latency": 20, "downloadThroughput": rate * 125, "uploadThroughput": -1}
        await network.send("Network.emulateNetworkConditions", limits)
