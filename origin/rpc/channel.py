"""Calls to another role. Shell: gRPC's channel with our deadlines, request ids and errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health_pb2

from origin import trace
from origin.deadline import DeadlinePassed, left_s
from origin.roles import RoleUnavailable
from origin.rpc.errors import REASON_KEY, Errors
from origin.rpc.methods import Method, methods_of, service_config
from origin.rpc.settings import RpcSettings
from origin.rpc.targets import parse_target
from origin.rpc.tls import BadTls, Tls, channel_credentials

_HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_CHECK_TIMEOUT_S = 2.0
REQUEST_ID_KEY = "reelway-request-id"
M = TypeVar("M", bound=Message)


class RemoteRole:
    """A role in another process. Make it in the running event loop; it connects at the first call.

    Every call raises what the other side raised, or RoleUnavailable.
    """

    def __init__(
        self,
        role: str,
        target: str,
        services: Sequence[ServiceDescriptor],
        errors: Errors,
        tls: Tls | None = None,
        settings: RpcSettings | None = None,
    ) -> None:
        """`role` is its name in errors. Raises BadTarget, BadTls."""
        self._role = role
        self._remedy = f"start it, or correct REELWAY_{role.upper()}_TARGET"
        self._errors = errors
        self._checked = services[0].full_name
        self._channel = _channel(parse_target(target), services, tls, settings or RpcSettings())
        self._methods = {method.path: method for service in services for method in methods_of(service).values()}
        self._calls = {path: self._callable(method) for path, method in self._methods.items()}

    async def ask(self, service: ServiceDescriptor, name: str, request: Message, answer: type[M]) -> M:
        """One request, one answer."""
        method = self._methods[f"/{service.full_name}/{name}"]
        timeout_s = self._timeout_s(method)
        try:
            raw = await self._calls[method.path](request.SerializeToString(), timeout=timeout_s, metadata=_metadata())
            return answer.FromString(raw)
        except grpc.aio.AioRpcError as error:
            raise self._restored(error) from error
        except DecodeError as error:
            raise RoleUnavailable(f"the {self._role} answered {name} with what is no {answer.__name__}") from error

    async def follow(
        self, service: ServiceDescriptor, name: str, request: Message, answer: type[M]
    ) -> AsyncGenerator[M, None]:
        """One request, answers as they come. Closing the iterator ends the call on the other side too."""
        method = self._methods[f"/{service.full_name}/{name}"]
        call = self._calls[method.path](request.SerializeToString(), timeout=method.timeout_s, metadata=_metadata())
        try:
            async for raw in call:
                yield answer.FromString(raw)
        except grpc.aio.AioRpcError as error:
            raise self._restored(error) from error
        except DecodeError as error:
            raise RoleUnavailable(f"the {self._role} answered {name} with what is no {answer.__name__}") from error
        finally:
            call.cancel()

    async def check(self) -> None:
        """Returns when a server of the role can be asked. Raises RoleUnavailable."""
        request = health_pb2.HealthCheckRequest(service=self._checked)
        call = self._channel.unary_unary(_HEALTH_CHECK)
        try:
            raw = await call(request.SerializeToString(), timeout=_CHECK_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise self._restored(error) from error
        if health_pb2.HealthCheckResponse.FromString(raw).status != health_pb2.HealthCheckResponse.SERVING:
            raise RoleUnavailable(f"the {self._role} is not ready; its own /readyz says what it waits for")

    async def close(self) -> None:
        """Calls under way end in RoleUnavailable."""
        await self._channel.close()

    def _callable(self, method: Method) -> Any:
        make = self._channel.unary_stream if method.streams else self._channel.unary_unary
        return make(method.path)

    def _timeout_s(self, method: Method) -> float | None:
        if method.timeout_s is None:
            return None
        try:
            return left_s(method.timeout_s, asyncio.get_running_loop().time())
        except DeadlinePassed as error:
            raise RoleUnavailable(f"the {self._role} was not asked: {error}") from error

    def _restored(self, error: Any) -> Exception:
        trailing = error.trailing_metadata() or ()
        reason = next((value for key, value in trailing if key == REASON_KEY), "")
        restored = self._errors.restored(reason, error.details() or "")
        if restored is not None:
            return restored
        return RoleUnavailable(
            f"the {self._role} did not answer: {error.code().name}: {error.details()}; {self._remedy}"
        )


def _metadata() -> tuple[tuple[str, str], ...]:
    request_id = trace.request_id.get()
    return ((REQUEST_ID_KEY, request_id),) if request_id else ()


def _channel(target: str, services: Sequence[ServiceDescriptor], tls: Tls | None, settings: RpcSettings) -> Any:
    options: list[tuple[str, Any]] = [
        ("grpc.service_config", service_config(services, settings)),
        ("grpc.enable_retries", 1),
        # What a name server says of a service's config is not for us.
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.initial_reconnect_backoff_ms", round(1000 * settings.reconnect_first_s)),
        ("grpc.min_reconnect_backoff_ms", round(1000 * settings.reconnect_first_s)),
        ("grpc.max_reconnect_backoff_ms", round(1000 * settings.reconnect_most_s)),
        *bounds(settings),
    ]
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    if not tls.server_name and "," in target:
        raise BadTls("several addresses have no one name to look for in a certificate: give Tls a server_name")
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.aio.secure_channel(target, channel_credentials(tls), options=options)


def bounds(settings: RpcSettings) -> list[tuple[str, Any]]:
    """Options for both sides."""
    return [
        ("grpc.max_send_message_length", settings.message_bytes),
        ("grpc.max_receive_message_length", settings.message_bytes),
        ("grpc.max_metadata_size", settings.metadata_bytes),
        ("grpc.keepalive_time_ms", round(1000 * settings.keepalive_s)),
        ("grpc.keepalive_timeout_ms", round(1000 * settings.keepalive_answer_s)),
        # A ping of gRPC's own that is under way would else hold keepalive back for a minute.
        ("grpc.http2.ping_timeout_ms", round(1000 * settings.keepalive_answer_s)),
        # Pings without data in between are what keepalive is; the defaults take them for an attack.
        ("grpc.http2.max_pings_without_data", 0),
    ]
