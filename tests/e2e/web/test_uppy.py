"""An outside judge of the uploads: Uppy as its makers ship it, on a page of another origin, pausing and resuming."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deploy.client import Client
from tests.e2e.clips import moving
from tests.e2e.system import RunningSystem
from tests.e2e.web.conftest import Visit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
UPPY = Path(__file__).parents[3] / "edge" / "web" / "node_modules" / "uppy" / "dist" / "uppy.min.mjs"
PAGE = """<!doctype html><title>Studio</title><link rel="icon" href="data:,"><input id="clip" type="file">
<script type="module">import { Uppy, Tus } from './uppy.min.mjs'; Object.assign(window, { Uppy, Tus });</script>"""
UPLOAD = """
async ({ endpoint, token }) => {
  const clip = document.querySelector('#clip').files[0];
  const uppy = new Uppy({ autoProceed: false });
  uppy.use(Tus, { endpoint, chunkSize: 256 * 1024, headers: { Authorization: `Bearer ${token}` } });
  let paused = 0;
  const said = [];
  uppy.on('upload-progress', (file, progress) => {
    said.push(progress.bytesUploaded);
    if (paused === 0 && progress.bytesUploaded > clip.size / 3) {
      paused = progress.bytesUploaded;
      uppy.pauseAll();
      setTimeout(() => uppy.resumeAll(), 500);
    }
  });
  uppy.addFile({ name: clip.name, type: clip.type, data: clip, meta: { description: 'From Uppy' } });
  const result = await uppy.upload();
  return { failed: result.failed.map((file) => file.error), locations: result.successful.map((file) => file.uploadURL),
           paused, least: Math.min(...said.slice(said.indexOf(paused))), size: clip.size };
}
"""


@pytest.fixture
def client(system: RunningSystem) -> Iterator[Client]:
    opened = Client(system.public_url, certificate=system.certificate)
    yield opened
    opened.close()


class Pages(BaseHTTPRequestHandler):
    """The other origin. On loopback as the system is: a browser lets no page from elsewhere call an address there."""

    def do_GET(self) -> None:
        script = self.path == "/uppy.min.mjs"
        body = UPPY.read_bytes() if script else PAGE.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody wants the lines."""


@pytest.fixture
def studio() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


async def test_uppy_uploads_from_another_origin_pauses_and_goes_on_where_it_was(
    visit: Visit, system: RunningSystem, client: Client, studio: str, tmp_path: Path
) -> None:
    session = await asyncio.to_thread(client.open_session, None)
    clip = await asyncio.to_thread(moving, tmp_path / "clip.mp4", "720x1280", 3, "-b:v", "8M", "-minrate", "8M")
    await visit.page.goto(studio)
    await visit.until("'Tus' in window")
    await visit.page.set_input_files("#clip", clip)
    asked = {"endpoint": f"{system.public_url}/v1/uploads", "token": session.token}
    told: dict[str, Any] = await visit.page.evaluate(UPLOAD, asked)
    assert told["failed"] == []
    assert len(told["locations"]) == 1
    assert 0 < told["paused"] <= told["least"] <= told["size"]
    assert await asyncio.to_thread(client.offset, told["locations"][0]) == told["size"] == clip.stat().st_size
    [video] = (await asyncio.to_thread(client.call, "GET", f"/v1/users/{session.user_id}/videos"))["items"]
    assert video["description"] == "From Uppy"
    events = await asyncio.to_thread(lambda: [each["status"] for each in client.video_events(video["id"])])
    assert events[-1] == "ready"
