"""Requests and responses over real loopback sockets."""

from __future__ import annotations

import asyncio
from typing import Any

from quart import Quart, Response, request

from tests.edge.http3.harness import Serve, eventually


def quart_app() -> Quart:
    app = Quart(__name__)

    @app.get("/hello")
    async def hello() -> str:
        return f"hello over {request.http_version} from {request.host}"

    @app.post("/echo")
    async def echo() -> Response:
        return Response(await request.get_data(), content_type="application/octet-stream")

    @app.get("/boom")
    async def boom() -> str:
        raise RuntimeError("boom")

    return app


async def test_a_quart_app_is_served_over_http3(serve: Serve) -> None:
    running = await serve(quart_app())
    async with running.client() as client:
        answer = await client.request("GET", "/hello?x=1")
        assert answer.status == 200
        assert bytes(answer.body) == b"hello over 3 from localhost"
        assert b"date" in answer.headers
    assert running.stats.requests == 1
    assert running.stats.responses == 1


async def test_a_body_of_a_megabyte_comes_back_as_it_was_sent(serve: Serve) -> None:
    running = await serve(quart_app())
    body = bytes(range(256)) * 4096
    async with running.client() as client:
        answer = await client.request("POST", "/echo", body=body)
        assert answer.status == 200
        assert bytes(answer.body) == body


async def test_an_app_that_raises_costs_a_500_and_only_its_stream(serve: Serve) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/boom":
            raise RuntimeError("boom")
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    running = await serve(app)
    async with running.client() as client:
        assert (await client.request("GET", "/boom")).status == 500
        assert (await client.request("GET", "/fine")).status == 204
    await eventually(lambda: running.stats.app_errors == 1)


async def test_a_slow_upload_handler_does_not_delay_other_clients(serve: Serve) -> None:
    release = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    running = await serve(app)
    async with running.client() as slow, running.client() as quick:
        upload = slow.begin("POST", "/slow", end=False)
        slow.send(upload, b"x" * 4_000_000)
        for _ in range(10):
            assert (await quick.request("GET", "/")).status == 200
        release.set()
        assert (await slow.finish(upload)).status == 200
