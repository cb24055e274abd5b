"""What the .proto files say of each method: its default deadline, and whether it may be repeated. Rules file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from origin.rpc import options_pb2
from origin.rpc.settings import RpcSettings

_REPEATABLE = frozenset({MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT})
_WORD_BEGINS = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Method:
    service: str
    name: str
    request: type[Message]
    timeout_s: float | None
    """None: a stream without an end."""
    repeatable: bool
    """A second call after a lost answer does no harm."""
    streams: bool
    """Answers with many messages."""

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"

    @property
    def python_name(self) -> str:
        return _WORD_BEGINS.sub("_", self.name).lower()


def methods_of(service: ServiceDescriptor) -> Mapping[str, Method]:
    """By the name in the .proto file."""
    return {each.name: _method(service.full_name, each) for each in service.methods}


def _method(service: str, found: MethodDescriptor) -> Method:
    options = found.GetOptions()
    timeout_ms = options.Extensions[options_pb2.timeout_ms]
    return Method(
        service,
        found.name,
        GetMessageClass(found.input_type),
        timeout_ms / 1000 if timeout_ms else None,
        options.idempotency_level in _REPEATABLE,
        found.server_streaming,
    )


def service_config(services: Sequence[ServiceDescriptor], settings: RpcSettings) -> str:
    """gRPC's service config for a channel: rounds over all healthy servers, and retries of what may be repeated."""
    methods = [method for service in services for method in methods_of(service).values()]
    config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": services[0].full_name},
        "retryThrottling": {"maxTokens": settings.retry_tokens, "tokenRatio": settings.retry_tokens_back},
        "methodConfig": [_retrying(methods, settings)],
    }
    return json.dumps(config)


def _retrying(methods: Iterable[Method], settings: RpcSettings) -> Mapping[str, Any]:
    repeatable = [method for method in methods if method.repeatable]
    return {
        "name": [{"service": method.service, "method": method.name} for method in repeatable],
        "retryPolicy": {
            "maxAttempts": settings.attempts,
            "initialBackoff": f"{settings.retry_first_s}s",
            "maxBackoff": f"{settings.retry_most_s}s",
            "backoffMultiplier": 2,
            # A server that stops cancels what has not ended in its grace.
            "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
        },
    }
