"""Answers calls of other roles. Shell: gRPC's server with our deadlines, request ids, errors and bounds.

A behaviour is an object with one coroutine per method of its service, named as Python names things: `ForYou` is
`for_you(request) -> answer`, and an async generator where the method streams.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from origin import trace
from origin.deadline import LEAST_S, within
from origin.rpc.channel import REQUEST_ID_KEY, bounds
from origin.rpc.errors import REASON_KEY, TEXT_MOST, UNAVAILABLE, Errors
from origin.rpc.methods import Method, methods_of
from origin.rpc.settings import RpcSettings
from origin.rpc.stats import RpcStats
from origin.rpc.targets import is_loopback, parse_bind
from origin.rpc.tls import Tls, server_credentials

logger = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_DO_NOT_RETRY = ("grpc-retry-pushback-ms", "-1")
"""For what an engine behind could not do: our backends have retried it, and every server asks the same engine."""
_PING_LEAST_S = 1.0
"""Clients may ask whether the server lives as often as this."""


class Unprotected(ValueError):
    """A server without TLS on an address that other machines reach."""


def ensure_protected(bind: str, tls: Tls | None) -> None:
    """Raises Unprotected where a server on `bind` (`host:port`) would be reached without TLS, and BadTarget."""
    host, _ = parse_bind(bind)
    if tls is None and not is_loopback(host):
        raise Unprotected(f"gRPC without TLS is served on loopback only, not on {bind}: give certificates")


@dataclass(frozen=True, slots=True)
class Service:
    descriptor: ServiceDescriptor
    behaviour: object


class _Ended(Exception):
    """How a call ends that is not answered."""

    def __init__(self, status: str, text: str, trailing: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(text)
        self.status, self.text, self.trailing = status, text[:TEXT_MOST], tuple(trailing)


class RpcServer:
    """One use: `start`, then `stop`."""

    def __init__(
        self,
        bind: str,
        services: Sequence[Service],
        errors: Errors,
        tls: Tls | None = None,
        settings: RpcSettings | None = None,
    ) -> None:
        """`bind` is `host:port`; port 0 takes a free one. Raises BadTarget, BadTls, Unprotected."""
        ensure_protected(bind, tls)
        self.bind = bind
        self._services = services
        self._errors = errors
        self._credentials = None if tls is None else server_credentials(tls)
        self._settings = settings or RpcSettings()
        self._health = health.aio.HealthServicer()
        self.stats = RpcStats()
        self._server: Any = None
        self._streams: set[asyncio.Task[Any]] = set()
        self._stopping = False

    async def start(self) -> int:
        """Listen and say so to those who ask for health; returns the port. Raises OSError."""
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=self._settings.calls_most,
            options=[
                # Two processes on one port would each get some of the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.max_connection_age_ms", round(1000 * self._settings.connection_s)),
                ("grpc.max_connection_age_grace_ms", round(1000 * self._settings.connection_grace_s)),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", round(1000 * _PING_LEAST_S)),
                # Pings that a busy machine held up arrive together; a peer is not turned away for that.
                ("grpc.http2.max_ping_strikes", 0),
                *bounds(self._settings),
            ],
        )
        for service in self._services:
            self._server.add_generic_rpc_handlers((self._handler(service),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [service.descriptor.full_name for service in self._services]
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        port = self._listen()
        await self.set_serving(True)
        await self._server.start()
        return port

    async def set_serving(self, serving: bool) -> None:
        """Tell clients whether to send calls here; they go to another server when not."""
        status = health_pb2.HealthCheckResponse
        for name in ("", *(service.descriptor.full_name for service in self._services)):
            await self._health.set(name, status.SERVING if serving else status.NOT_SERVING)

    async def stop(self, grace_s: float) -> None:
        """Send clients elsewhere, end streams, then take no more calls; those under way have `grace_s` in all."""
        if self._server is None:
            return
        self._stopping = True
        await self._health.enter_graceful_shutdown()
        for task in self._streams:
            task.cancel()
        # gRPC cancels calls that reach a server that is stopping, and one that was cancelled is not repeated.
        leave_s = min(grace_s, self._settings.leave_s)
        await asyncio.sleep(leave_s)
        await self._server.stop(grace_s - leave_s)

    def _listen(self) -> int:
        try:
            if self._credentials is None:
                return int(self._server.add_insecure_port(self.bind))
            return int(self._server.add_secure_port(self.bind, self._credentials))
        except RuntimeError as error:
            raise OSError(f"cannot listen for gRPC on {self.bind}: {error}") from error

    def _handler(self, service: Service) -> Any:
        handlers = {}
        for name, method in methods_of(service.descriptor).items():
            behaviour = getattr(service.behaviour, method.python_name)
            if method.streams:
                handlers[name] = grpc.unary_stream_rpc_method_handler(self._streaming(method, behaviour))
            else:
                handlers[name] = grpc.unary_unary_rpc_method_handler(self._unary(method, behaviour))
        return grpc.method_handlers_generic_handler(service.descriptor.full_name, handlers)

    def _unary(self, method: Method, behaviour: Callable[[Message], Awaitable[Message]]) -> Any:
        async def answer(raw: bytes, context: Any) -> bytes:
            with self._counted(method) as count:
                try:
                    request, left_s = _begin(method, raw, context)
                    message = await _in_time(behaviour(request), left_s)
                except Exception as error:
                    return await count.end(context, self._ended(method, error))
                return message.SerializeToString()

        return answer

    def _streaming(self, method: Method, behaviour: Callable[[Message], Any]) -> Any:
        async def answer(raw: bytes, context: Any) -> None:
            task = asyncio.current_task()
            with self._counted(method) as count:
                try:
                    request, _ = _begin(method, raw, context)
                    self._admit(task)
                    async with aclosing(behaviour(request)) as messages:
                        async for message in messages:
                            await context.write(message.SerializeToString())
                except asyncio.CancelledError:
                    if not self._stopping:
                        raise
                    await count.end(context, _Ended(UNAVAILABLE, "the server is stopping"))
                except Exception as error:
                    await count.end(context, self._ended(method, error))
                finally:
                    self._streams.discard(task)
                    self.stats.streams = len(self._streams)

        return answer

    def _admit(self, task: asyncio.Task[Any] | None) -> None:
        if self._stopping or task is None:
            raise _Ended(UNAVAILABLE, "the server is stopping")
        if len(self._streams) >= self._settings.streams_most:
            raise _Ended("RESOURCE_EXHAUSTED", f"{self._settings.streams_most} streams are open already")
        self._streams.add(task)
        self.stats.streams = len(self._streams)

    def _ended(self, method: Method, error: Exception) -> _Ended:
        if isinstance(error, _Ended):
            return error
        known = self._errors.known(error)
        if known is None:
            logger.error("a call failed", extra={"call": method.path}, exc_info=error)
            return _Ended("INTERNAL", f"{method.name} failed; the log of the server says why")
        trailing = [(REASON_KEY, known.reason)]
        if known.status == UNAVAILABLE:
            trailing.append(_DO_NOT_RETRY)
        return _Ended(known.status, str(error), trailing)

    @contextmanager
    def _counted(self, method: Method) -> Iterator[_Count]:
        self.stats.under_way += 1
        count = _Count()
        try:
            yield count
        except asyncio.CancelledError:
            count.status = "CANCELLED"
            raise
        finally:
            self.stats.under_way -= 1
            service = method.service.rpartition(".")[2]
            self.stats.calls[f"{service}/{method.name} {count.status}"] += 1


@dataclass(slots=True)
class _Count:
    """One call, until it is known how it ended."""

    status: str = "OK"

    async def end(self, context: Any, ended: _Ended) -> NoReturn:
        """Tell the caller that it gets no answer."""
        self.status = ended.status
        await context.abort(grpc.StatusCode[ended.status], ended.text, ended.trailing)
        raise AssertionError("abort raises")


def _begin(method: Method, raw: bytes, context: Any) -> tuple[Message, float]:
    """The request, and the seconds that its answer may take; the request id is the caller's from here on."""
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID_KEY and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            trace.request_id.set(value)
    most_s = math.inf if method.timeout_s is None else method.timeout_s
    caller_s = context.time_remaining()
    left_s = most_s if caller_s is None else min(most_s, caller_s)
    if left_s < LEAST_S:
        raise _Ended("DEADLINE_EXCEEDED", "the deadline had passed before the call began")
    try:
        return method.request.FromString(raw), left_s
    except DecodeError as error:
        raise _Ended("INVALID_ARGUMENT", f"the message is no {method.request.__name__}") from error


async def _in_time(answer: Awaitable[Message], left_s: float) -> Message:
    """The deadline holds for what the behaviour asks of others, and for itself: not every caller sets one."""
    try:
        with within(left_s, asyncio.get_running_loop().time()):
            async with asyncio.timeout(left_s) as limit:
                return await answer
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise _Ended("DEADLINE_EXCEEDED", "no answer in time") from error
