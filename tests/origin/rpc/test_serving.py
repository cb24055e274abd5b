"""What a server and a channel do between them: deadlines, cancellation, bounds, health, and the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from origin import deadline, trace
from origin.metadata.base import MetadataUnavailable, NotFound
from origin.roles import RoleUnavailable
from origin.rpc import origin_pb2 as pb
from origin.rpc.methods import methods_of
from origin.rpc.serving import Unprotected
from origin.rpc.settings import RpcSettings
from tests.origin.rpc.wire import VIDEOS, Script, delete, until, view

LONG_S = 30.0


async def done(request) -> pb.Done:
    return pb.Done()


async def test_an_error_arrives_as_its_class_with_its_text(wire):
    async def missing(request):
        raise NotFound("no video 7: ünknown")

    _, target = await wire.serve(Script(missing))
    with pytest.raises(NotFound, match="no video 7: ünknown"):
        await delete(wire.role(target))


async def test_a_failure_nobody_foresaw_tells_the_caller_nothing_of_the_inside(wire, caplog):
    async def broken(request):
        raise KeyError("password=hunter2")

    _, target = await wire.serve(Script(broken))
    with pytest.raises(RoleUnavailable) as caught:
        await delete(wire.role(target))
    assert "hunter2" not in str(caught.value)
    assert "a call failed" in caplog.text


async def test_a_very_long_text_of_an_error_is_cut(wire):
    async def missing(request):
        raise NotFound("é" * 100_000)

    _, target = await wire.serve(Script(missing))
    with pytest.raises(NotFound) as caught:
        await delete(wire.role(target))
    assert 0 < len(str(caught.value)) <= 500


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


async def test_calls_are_counted_by_how_they_ended(wire):
    async def answer(request):
        if request.video_id == 1:
            raise NotFound("no video 1")
        return pb.VideoView()

    server, target = await wire.serve(Script(answer, changes=Ticking()))
    role = wire.role(target)
    await view(role, 2)
    with pytest.raises(NotFound):
        await view(role, 1)
    async with aclosing(changes(role)) as stream:
        await anext(stream)
        assert (server.stats.under_way, server.stats.streams) == (1, 1)
    await until(lambda: server.stats.under_way == 0)
    assert server.stats.streams == 0
    assert server.stats.calls == {"Videos/View OK": 1, "Videos/View NOT_FOUND": 1, "Videos/Changes CANCELLED": 1}


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


class Ticking:
    """A stream that never ends, and says when it was closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def __call__(self, request) -> AsyncIterator[pb.VideoView]:
        try:
            yield pb.VideoView(liked=True)
            await asyncio.Event().wait()
        finally:
            self.closed.set()


def changes(role):
    return role.follow(VIDEOS, "Changes", pb.ChangesRequest(video_id=1), pb.VideoView)


async def test_a_stream_that_its_reader_closes_ends_on_the_server(wire):
    ticking = Ticking()
    _, target = await wire.serve(Script(done, changes=ticking))
    async with aclosing(changes(wire.role(target))) as stream:
        assert (await anext(stream)).liked
    await ticking.closed.wait()


async def test_a_stream_whose_reader_is_cancelled_ends_on_the_server(wire):
    ticking = Ticking()
    _, target = await wire.serve(Script(done, changes=ticking))
    stream = changes(wire.role(target))
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.wait([waiting])
    await stream.aclose()
    await ticking.closed.wait()


async def test_an_error_of_a_stream_arrives_as_its_class(wire):
    async def missing(request):
        raise NotFound("no video 1")
        yield

    _, target = await wire.serve(Script(done, changes=missing))
    with pytest.raises(NotFound):
        await anext(changes(wire.role(target)))


async def test_streams_beyond_their_bound_are_refused_and_calls_are_not(wire):
    _, target = await wire.serve(Script(done, changes=Ticking()), settings=RpcSettings(streams_most=1))
    role = wire.role(target)
    async with aclosing(changes(role)) as first, aclosing(changes(role)) as second:
        await anext(first)
        with pytest.raises(RoleUnavailable, match="open already"):
            await anext(second)
        await delete(role)


async def test_calls_beyond_their_bound_are_refused(wire):
    begun, go = asyncio.Semaphore(0), asyncio.Event()

    async def wait(request):
        begun.release()
        await go.wait()
        return pb.Done()

    # One more is the channel's own watch over the server's health.
    _, target = await wire.serve(Script(wait), settings=RpcSettings(calls_most=3))
    role = wire.role(target)
    under_way = [asyncio.create_task(delete(role)) for _ in range(2)]
    for _ in under_way:
        await begun.acquire()
    with pytest.raises(RoleUnavailable, match="RESOURCE_EXHAUSTED"):
        await delete(role)
    go.set()
    await asyncio.gather(*under_way)
    await delete(role)


async def test_a_message_over_the_bound_is_refused_on_either_side(wire):
    small = RpcSettings(message_bytes=1_000)
    _, target = await wire.serve(Script(done), settings=small)
    request = pb.EditRequest(description="x" * 2_000)
    for settings in (RpcSettings(), small):
        with pytest.raises(RoleUnavailable, match="RESOURCE_EXHAUSTED"):
            await wire.role(target, settings=settings).ask(VIDEOS, "Edit", request, pb.VideoView)
    await delete(wire.role(target))


async def test_an_answer_over_the_bound_is_refused_by_its_reader(wire):
    async def big(request):
        return pb.VideoView(video=pb.Video(description="x" * 2_000))

    _, target = await wire.serve(Script(big))
    with pytest.raises(RoleUnavailable, match="RESOURCE_EXHAUSTED"):
        await view(wire.role(target, settings=RpcSettings(message_bytes=1_000)))


async def test_an_unavailable_engine_is_not_asked_again_by_the_channel(wire):
    asked = []

    async def away(request):
        asked.append(request)
        raise MetadataUnavailable("no quorum")

    _, target = await wire.serve(Script(away))
    with pytest.raises(MetadataUnavailable, match="no quorum"):
        await view(wire.role(target))
    assert len(asked) == 1


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


async def test_a_client_can_tell_whether_its_role_can_be_asked(wire):
    server, target = await wire.serve(Script(done))
    role = wire.role(target)
    await role.check()
    await server.set_serving(False)
    with pytest.raises(RoleUnavailable):
        await role.check()
    with pytest.raises(RoleUnavailable, match="the origin did not answer"):
        await wire.role("127.0.0.1:1").check()


async def test_health_is_told_per_service(wire):
    server, target = await wire.serve(Script(done))
    async with grpc.aio.insecure_channel(target) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def of(name: str) -> int:
            return (await health.Check(health_pb2.HealthCheckRequest(service=name))).status

        status = health_pb2.HealthCheckResponse
        assert await of("") == await of(VIDEOS.full_name) == status.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await of("reelway.unknown")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        await server.set_serving(False)
        assert await of("") == await of(VIDEOS.full_name) == status.NOT_SERVING


async def test_reflection_names_the_services_and_gives_their_files(wire):
    _, target = await wire.serve(Script(done))
    request = reflection_pb2.ServerReflectionRequest
    async with grpc.aio.insecure_channel(target) as channel:
        call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
            iter([request(list_services=""), request(file_containing_symbol=VIDEOS.full_name)])
        )
        listed, file = [answer async for answer in call]
    assert VIDEOS.full_name in {service.name for service in listed.list_services_response.service}
    names = {FileDescriptorProto.FromString(raw).name for raw in file.file_descriptor_response.file_descriptor_proto}
    assert "origin/rpc/origin.proto" in names


async def test_a_port_that_is_taken_is_said_to_be(wire):
    _, target = await wire.serve(Script(done))
    with pytest.raises(OSError, match=target):
        await wire.serve(Script(done), bind=target)


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0", "origin.internal:7101"])
async def test_without_tls_only_loopback_is_served(wire, bind):
    with pytest.raises(Unprotected, match="certificates"):
        await wire.serve(Script(done), bind=bind)


async def test_a_role_that_is_not_there_is_unavailable(wire):
    with pytest.raises(RoleUnavailable, match="the origin did not answer"):
        await view(wire.role("127.0.0.1:1"))
