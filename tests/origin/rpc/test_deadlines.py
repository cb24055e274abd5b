"""What goes along with a call from role to role: the request id, the time that is left, and the end of interest."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import grpc
import pytest

from origin import deadline, trace
from origin.roles import RoleUnavailable
from origin.rpc import origin_pb2 as pb
from origin.rpc.methods import methods_of
from tests.origin.rpc.wire import VIDEOS, Script, delete

LONG_S = 30.0


async def test_the_request_id_goes_along(wire):
    seen = []

    async def remember(request):
        seen.append(trace.request_id.get())
        return pb.Done()

    _, target = await wire.serve(Script(remember))
    role = wire.role(target)
    token = trace.request_id.set("req-1")
    await delete(role)
    trace.request_id.reset(token)
    await delete(role)
    assert seen == ["req-1", ""]


async def test_the_time_left_shrinks_from_hop_to_hop(wire):
    left = []

    async def last(request):
        left.append(deadline.left_s(LONG_S, asyncio.get_running_loop().time()))
        return pb.Done()

    _, behind = await wire.serve(Script(last))
    next_role = wire.role(behind)

    async def first(request):
        await last(request)
        return await delete(next_role)

    _, target = await wire.serve(Script(first))
    with deadline.within(3.0, asyncio.get_running_loop().time()):
        await delete(wire.role(target))
    assert 3.0 - deadline.MARGIN_S > left[0] > left[1] > 0


async def test_without_a_request_a_method_has_its_own_deadline(wire):
    left = []

    async def remember(request):
        left.append(deadline.left_s(LONG_S, asyncio.get_running_loop().time()))
        return pb.Done()

    _, target = await wire.serve(Script(remember))
    await delete(wire.role(target))
    assert 0 < left[0] <= 5.0


async def test_a_call_for_which_no_time_is_left_is_not_made(wire):
    asked = []
    _, target = await wire.serve(Script(asked.append))
    with deadline.within(0.0, asyncio.get_running_loop().time()), pytest.raises(RoleUnavailable, match="time is over"):
        await delete(wire.role(target))
    assert asked == []


async def test_a_call_that_outlives_its_deadline_is_cancelled_on_the_server(wire):
    cancelled = asyncio.Event()

    async def hang(request):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    _, target = await wire.serve(Script(hang))
    role = wire.role(target)
    with deadline.within(0.2, asyncio.get_running_loop().time()), pytest.raises(RoleUnavailable, match="DEADLINE"):
        await delete(role)
    await cancelled.wait()


async def test_a_caller_without_a_deadline_does_not_keep_the_server_at_work_for_ever(wire, monkeypatch):
    cancelled = asyncio.Event()

    async def hang(request):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    brief = {name: replace(method, timeout_s=0.1) for name, method in methods_of(VIDEOS).items()}
    monkeypatch.setattr("origin.rpc.serving.methods_of", lambda service: brief)
    _, target = await wire.serve(Script(hang))
    async with grpc.aio.insecure_channel(target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{VIDEOS.full_name}/Delete")(b"")
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await cancelled.wait()


async def test_a_caller_that_goes_away_cancels_the_work(wire):
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(request):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    _, target = await wire.serve(Script(hang))
    call = asyncio.create_task(delete(wire.role(target)))
    await begun.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert call.cancelled()
    await cancelled.wait()
