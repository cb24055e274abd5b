"""Servers as processes that are killed and frozen while they are asked."""

from __future__ import annotations

import asyncio

import pytest

from origin.roles import RoleUnavailable
from origin.rpc import origin_pb2 as pb
from origin.rpc.settings import RpcSettings
from tests.origin.rpc.processes import running, start
from tests.origin.rpc.role_child import DEADLY
from tests.origin.rpc.wire import VIDEOS, delete, view

pytestmark = pytest.mark.slow
CHILDREN = "tests.origin.rpc.role_child"
QUICK = RpcSettings(keepalive_s=0.5, keepalive_answer_s=0.5)
"""Notices a frozen peer within a second, so that the tests need not wait."""


async def until_answered_by(role, pids: set[int]) -> None:
    """Ask until each of the processes has answered."""
    while pids:
        try:
            pids = pids - {(await view(role)).creator.user_id}
        except RoleUnavailable:
            await asyncio.sleep(0.05)


async def test_with_one_of_two_servers_killed_every_repeatable_call_is_answered(wire):
    async with running(CHILDREN, 2) as (first, second):
        role = wire.role(f"{first.target},{second.target}")
        await until_answered_by(role, {first.pid, second.pid})

        async def ask(times: int) -> list[int]:
            return [(await view(role)).creator.user_id for _ in range(times)]

        asking = [asyncio.create_task(ask(100)) for _ in range(8)]
        await asyncio.sleep(0.05)
        await first.kill()
        answered = await asyncio.gather(*asking)
        assert sum(map(len, answered)) == 800
        assert await ask(50) == [second.pid] * 50


async def test_a_killed_server_that_comes_back_is_found_again(wire):
    async with running(CHILDREN, 1) as (first,):
        role = wire.role(first.target)
        await until_answered_by(role, {first.pid})
        await first.kill()
        with pytest.raises(RoleUnavailable):
            await view(role)
        again = await start(CHILDREN, first.target.split(":")[1])
        try:
            await until_answered_by(role, {again.pid})
        finally:
            await again.kill()


async def test_a_call_that_may_not_be_repeated_is_made_once_even_if_its_server_dies_of_it(wire):
    async with running(CHILDREN, 2) as children:
        role = wire.role(",".join(child.target for child in children))
        await until_answered_by(role, {child.pid for child in children})
        with pytest.raises(RoleUnavailable):
            await role.ask(VIDEOS, "Delete", pb.DeleteRequest(video_id=DEADLY), pb.Done)
        survivors = {(await view(role)).creator.user_id for _ in range(20)}
        assert len(survivors) == 1
        assert survivors < {child.pid for child in children}


async def test_a_frozen_server_is_noticed_and_left_alone_until_it_answers_again(wire):
    async with running(CHILDREN, 2) as (first, second):
        role = wire.role(f"{first.target},{second.target}", settings=QUICK)
        await until_answered_by(role, {first.pid, second.pid})
        first.freeze()
        answered = 0
        while answered < 50:
            try:
                assert (await view(role)).creator.user_id == second.pid
                answered += 1
            except RoleUnavailable:
                answered = 0
        first.thaw()
        await until_answered_by(role, {first.pid, second.pid})


async def test_a_stream_from_a_server_that_freezes_ends(wire):
    async with running(CHILDREN, 1) as (first,):
        role = wire.role(first.target, settings=QUICK)
        stream = role.follow(VIDEOS, "Changes", pb.ChangesRequest(video_id=1), pb.VideoView)
        await anext(stream)
        first.freeze()
        with pytest.raises(RoleUnavailable):
            await anext(stream)


async def test_calls_of_a_killed_server_end_at_once(wire):
    async with running(CHILDREN, 1) as (first,):
        role = wire.role(first.target)
        await until_answered_by(role, {first.pid})
        first.freeze()
        # Held by a server that does nothing, not by its deadline.
        calls = [asyncio.create_task(delete(role)) for _ in range(20)]
        await asyncio.sleep(0.1)
        await first.kill()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(each, RoleUnavailable) and "DEADLINE" not in str(each) for each in ended)
