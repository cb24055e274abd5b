"""What a server and a channel do between them: errors, streams, bounds, health."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from origin.metadata.base import MetadataUnavailable, NotFound
from origin.roles import RoleUnavailable
from origin.rpc import origin_pb2 as pb
from origin.rpc.serving import Unprotected
from origin.rpc.settings import RpcSettings
from tests.origin.rpc.wire import VIDEOS, Script, Ticking, changes, delete, done, view
from tests.waiting import until

LONG_S = 30.0


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
