"""A client of the public API: what `reelway upload` and `reelway demo-data` are made of.

    client = Client("https://localhost:8443", certificate=Path("var/tls/cert.pem"))
    client.open_session("ada")
    created = client.create_upload(Path("clip.mp4"), "by the #sea")
    client.send_file(created.location, Path("clip.mp4"), print)
    for document in client.video_events(created.video_id):
        print(document["status"])

Uploads speak tus 1.0.0, over HTTP/3 where the server offers it and the network lets it through (`deploy.ways`). An
upload that broke off goes on at the offset the server reports, in the same call or in a later one given the same
location. `deploy.uploading` sends over several connections at once.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from deploy.ways import Http, Ways

TUS = {"Tus-Resumable": "1.0.0"}
CHUNK_BYTES = 5 << 20
READ_BYTES = 256 << 10
GIVE_UP_AFTER_S = 120.0
"""How long an upload keeps trying while the server gives no progress at all."""
TERMINAL = frozenset({"ready", "rejected", "failed", "deleted"})


class ApiProblem(Exception):
    """The server refused a call: its RFC 9457 problem."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail or code or f"status {status}")
        self.status, self.code, self.detail = status, code, detail


class Unreachable(Exception):
    """The server did not answer, or stopped answering for longer than an upload waits."""


@dataclass(frozen=True, slots=True)
class Session:
    token: str
    user_id: str
    handle: str


@dataclass(frozen=True, slots=True)
class Created:
    """Where an upload's bytes go, and the video that it will be."""

    location: str
    video_id: str


class Client:
    """Blocking; one connection pool. `certificate` is a PEM file to trust besides the system's."""

    def __init__(self, base_url: str, certificate: Path | None = None, token: str = "", http: Http = Http.AUTO) -> None:
        context = ssl.create_default_context()
        trusted = certificate if certificate is not None and certificate.exists() else None
        if trusted is not None:
            context.load_verify_locations(trusted)
        tcp = httpx.HTTPTransport(verify=context, http2=http is Http.HTTP2)
        self._ways = Ways(tcp, httpx.URL(base_url), trusted, http)
        self._http = httpx.Client(base_url=base_url, transport=self._ways, timeout=httpx.Timeout(30, connect=5))
        self.token = token

    @property
    def spoken(self) -> str:
        """What the latest answer came over, as `HTTP/1.1` or `HTTP/3`; empty before the first."""
        return self._ways.spoken

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One JSON call; returns the parsed answer or None. Raises ApiProblem, Unreachable."""
        response = self.request(method, path, json=body) if body is not None else self.request(method, path)
        return response.json() if response.content else None

    def open_session(self, handle: str | None) -> Session:
        """A guest's session, or a named user's."""
        answer = self.call("POST", "/v1/sessions", {"handle": handle} if handle else {})
        self.token = answer["token"]
        return Session(answer["token"], answer["user"]["id"], answer["user"]["handle"])

    def create_upload(self, path: Path, description: str) -> Created:
        headers = {"Upload-Length": str(path.stat().st_size), **_described(path.name, description)}
        return self._create(headers)

    def create_piece(self, size_bytes: int) -> str:
        """An upload of a piece of a clip; returns its location."""
        return self._create({"Upload-Length": str(size_bytes), "Upload-Concat": "partial"}).location

    def create_joined(self, locations: Sequence[str], name: str, description: str) -> Created:
        """The upload of a clip that the server joins from pieces, once they are sent."""
        return self._create({"Upload-Concat": f"final;{' '.join(locations)}", **_described(name, description)})

    def _create(self, headers: Mapping[str, str]) -> Created:
        response = self.request("POST", "/v1/uploads", headers={**TUS, **headers})
        location = str(httpx.URL(str(response.request.url)).join(response.headers["Location"]))
        return Created(location, response.headers.get("Reelway-Video-Id", ""))

    def offset(self, location: str) -> int:
        """How many bytes the server holds. Raises ApiProblem (404 or 410: the upload is gone)."""
        return int(self.request("HEAD", location, headers=TUS).headers["Upload-Offset"])

    def joined(self, location: str) -> bool:
        """Has the server joined an upload of pieces?"""
        return "Upload-Offset" in self.request("HEAD", location, headers=TUS).headers

    def send_file(
        self, location: str, path: Path, progress: Callable[[int], None], span: tuple[int, int] | None = None
    ) -> None:
        """Send what the server does not hold yet, resuming by itself after broken connections.

        `progress` is told the bytes that the server has acknowledged. `span`: the upload is of the bytes from the first
        number to before the second. Raises ApiProblem, Unreachable.
        """
        first, end = span or (0, path.stat().st_size)
        size, offset = end - first, self.offset(location)
        deadline, wait_s = time.monotonic() + GIVE_UP_AFTER_S, 0.2
        with path.open("rb") as clip:
            while offset < size:
                progress(offset)
                try:
                    offset = self._send_chunk(location, _blocks(clip, first + offset, end), offset)
                    deadline, wait_s = time.monotonic() + GIVE_UP_AFTER_S, 0.2
                except (Unreachable, ApiProblem) as error:
                    if isinstance(error, ApiProblem) and not _worth_a_retry(error):
                        raise
                    offset, wait_s = self._ask_again(location, offset, deadline, wait_s)
        progress(size)

    def video_events(self, video_id: str) -> Iterator[Mapping[str, Any]]:
        """The video document at each change, until it is ready, rejected, failed or deleted; goes on by itself when
        the connection breaks."""
        deadline = time.monotonic() + GIVE_UP_AFTER_S
        while time.monotonic() < deadline:
            try:
                for document in self._event_stream(video_id):
                    deadline = time.monotonic() + 10 * GIVE_UP_AFTER_S
                    yield document
                    if document["status"] in TERMINAL:
                        return
            except Unreachable:
                time.sleep(1)
        raise Unreachable("the server stopped telling the progress of the video")

    def _event_stream(self, video_id: str) -> Iterator[Mapping[str, Any]]:
        request = self._http.build_request("GET", f"/v1/videos/{video_id}/events", headers=self._headers())
        try:
            response = self._http.send(request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    raise _problem(response)
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))
            finally:
                response.close()
        except httpx.TransportError as error:
            raise Unreachable(str(error)) from error

    def _send_chunk(self, location: str, blocks: Iterator[bytes], offset: int) -> int:
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        response = self.request("PATCH", location, headers=headers, content=blocks)
        return int(response.headers["Upload-Offset"])

    def _ask_again(self, location: str, offset: int, deadline: float, wait_s: float) -> tuple[int, float]:
        while time.monotonic() < deadline:
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, 5.0)
            try:
                return self.offset(location), wait_s
            except Unreachable:
                continue
            except ApiProblem as error:
                if not _worth_a_retry(error):
                    raise
        raise Unreachable(f"no answer for {GIVE_UP_AFTER_S:.0f} s; {offset} bytes are stored, run the upload again")

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, **body: Any) -> httpx.Response:
        """One request with the session's token. Raises ApiProblem, Unreachable."""
        try:
            response = self._http.request(method, url, headers={**self._headers(), **(headers or {})}, **body)
        except httpx.TransportError as error:
            raise Unreachable(f"{self._http.base_url} does not answer: {error}") from error
        if response.is_error:
            raise _problem(response)
        return response


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _described(name: str, description: str) -> dict[str, str]:
    fields = {"filename": name, "description": description}
    return {"Upload-Metadata": ",".join(f"{key} {_base64(value)}".rstrip() for key, value in fields.items())}


def _blocks(clip: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    clip.seek(start)
    left = min(CHUNK_BYTES, end - start)
    while left and (block := clip.read(min(READ_BYTES, left))):
        left -= len(block)
        yield block


def _worth_a_retry(problem: ApiProblem) -> bool:
    return problem.status in {409, 423, 429} or (problem.status >= 500 and problem.status != 507)


def _problem(response: httpx.Response) -> ApiProblem:
    try:
        document = response.json()
    except ValueError:
        document = {}
    fields = document if isinstance(document, dict) else {}
    return ApiProblem(response.status_code, str(fields.get("code", "")), str(fields.get("detail", "")))
