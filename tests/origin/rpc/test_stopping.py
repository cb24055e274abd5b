"""Servers that stop or say that they do not serve, and what their callers notice of it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from origin.roles import RoleUnavailable
from origin.rpc import origin_pb2 as pb
from origin.rpc.settings import RpcSettings
from tests.origin.rpc.wire import Script, Ticking, changes, delete, done, view
from tests.waiting import until

LONG_S = 30.0


async def test_stopping_lets_a_call_end_and_refuses_new_ones(wire):
    begun, go = asyncio.Event(), asyncio.Event()

    async def wait(request):
        begun.set()
        await go.wait()
        return pb.Done()

    server, target = await wire.serve(Script(wait))
    role = wire.role(target)
    call = asyncio.create_task(delete(role))
    await begun.wait()
    stopping = asyncio.create_task(server.stop(LONG_S))
    while True:
        try:
            await delete(wire.role(target))
        except RoleUnavailable:
            break
    go.set()
    assert await call == pb.Done()
    await stopping


async def test_stopping_ends_streams_at_once(wire):
    ticking = Ticking()
    server, target = await wire.serve(Script(done, changes=ticking))
    stream = changes(wire.role(target))
    await anext(stream)
    # Longer than the test may take: only a stream that is ended lets it pass.
    await server.stop(600)
    with pytest.raises(RoleUnavailable, match="stopping"):
        await anext(stream)
    assert ticking.closed.is_set()


async def test_a_call_that_does_not_end_in_the_grace_is_cancelled(wire):
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(request):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    server, target = await wire.serve(Script(hang))
    call = asyncio.create_task(delete(wire.role(target)))
    await begun.wait()
    await server.stop(0.05)
    with pytest.raises(RoleUnavailable):
        await call
    await cancelled.wait()


async def test_a_server_that_stops_under_load_costs_not_one_call(wire):
    answered = 0
    stopped = asyncio.Event()

    async def answer(request):
        nonlocal answered
        answered += 1
        await asyncio.sleep(0.002)
        return pb.Done()

    first, target_a = await wire.serve(Script(answer), settings=RpcSettings(leave_s=2.0))
    _, target_b = await wire.serve(Script(answer))
    roles = [wire.role(f"{target_a},{target_b}") for _ in range(2)]

    async def ask(role) -> int:
        asked = 0
        while not stopped.is_set():
            await delete(role)
            asked += 1
        return asked

    asking = [asyncio.create_task(ask(role)) for role in roles for _ in range(8)]
    await until(lambda: answered > 200)
    await first.stop(LONG_S)
    before = answered
    await until(lambda: answered > before + 200)
    stopped.set()
    assert sum(await asyncio.gather(*asking)) == answered


async def test_connections_that_are_made_anew_cost_not_one_call(wire):
    _, target = await wire.serve(Script(done), settings=RpcSettings(connection_s=0.1))
    role = wire.role(target)
    loop = asyncio.get_running_loop()
    end = loop.time() + 1.0
    while loop.time() < end:
        await asyncio.gather(*(delete(role) for _ in range(8)))


async def test_a_repeatable_call_that_a_stopping_server_cuts_is_answered_by_another(wire):
    begun = asyncio.Event()

    async def hang(request):
        begun.set()
        await asyncio.Event().wait()

    async def answer(request):
        return pb.VideoView(liked=True)

    first, target_a = await wire.serve(Script(hang))
    _, target_b = await wire.serve(Script(answer))
    role = wire.role(f"{target_a},{target_b}")
    calls = []
    while not begun.is_set():
        calls.append(asyncio.create_task(view(role)))
        await asyncio.sleep(0.01)
    await first.stop(0.05)
    assert all(answered.liked for answered in await asyncio.gather(*calls))


def counted_as(name: str, asked: Counter[str]) -> Script:
    async def answer(request):
        asked[name] += 1
        return pb.VideoView()

    return Script(answer)


async def test_with_two_servers_a_stopped_one_is_not_asked_any_more(wire):
    asked = Counter()
    first, target_a = await wire.serve(counted_as("a", asked))
    _, target_b = await wire.serve(counted_as("b", asked))
    role = wire.role(f"{target_a},{target_b}")
    while len(asked) < 2:
        await view(role)
    await first.stop(1)
    before = asked["a"]
    for _ in range(50):
        await view(role)
    assert asked["a"] == before


async def test_a_server_that_says_it_does_not_serve_is_left_alone_until_it_does(wire):
    asked = Counter()
    first, target_a = await wire.serve(counted_as("a", asked))
    _, target_b = await wire.serve(counted_as("b", asked))
    role = wire.role(f"{target_a},{target_b}")
    while len(asked) < 2:
        await view(role)
    await first.set_serving(False)
    quiet, before = 0, -1
    while quiet < 50:
        await view(role)
        quiet, before = (quiet + 1 if asked["a"] == before else 0), asked["a"]
    await first.set_serving(True)
    while asked["a"] == before:
        await view(role)
