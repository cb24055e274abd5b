"""Real engines for the whole run."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Cassandra:
    hosts: str = "127.0.0.1:19042"
    local_dc: str = "dc1"

    def url(self, keyspace: str) -> str:
        return f"cassandra://{self.hosts}/{keyspace}?local_dc={self.local_dc}&replication=1"


@dataclass(frozen=True)
class Kafka:
    hosts: str = "127.0.0.1:19092"

    @property
    def url(self) -> str:
        return f"kafka://{self.hosts}?replication=1"


@dataclass(frozen=True)
class S3:
    endpoint: str = "http://127.0.0.1:19100"
    access_key: str = "reelway"
    secret_key: str = "reelwaysecret"

    def url(self, bucket: str) -> str:
        return f"s3://{self.access_key}:{self.secret_key}@{bucket}?endpoint={self.endpoint}&region=us-east-1"


@dataclass(frozen=True)
class Redis:
    url: str = "redis://127.0.0.1:16379"


@pytest.fixture(scope="session")
def cassandra() -> Cassandra:
    return Cassandra()


@pytest.fixture(scope="session")
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture(scope="session")
def s3() -> S3:
    return S3()


@pytest.fixture(scope="session")
def redis_single() -> Redis:
    return Redis()
