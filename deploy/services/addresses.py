"""Where an engine is and how to get in: what a client needs, and all that a test is handed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user that an engine lets in."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Cassandra:
    """Every node's `host:port`, by commas."""

    hosts: str
    replication: int = 1
    local_dc: str = "dc1"
    credentials: Credentials | None = None

    def url(self, keyspace: str) -> str:
        where = f"{_before_host(self.credentials)}{self.hosts}/{keyspace}"
        return f"cassandra://{where}?local_dc={self.local_dc}&replication={self.replication}"


@dataclass(frozen=True, slots=True)
class Kafka:
    """Every broker's `host:port`, by commas."""

    hosts: str
    replication: int = 1
    credentials: Credentials | None = None

    @property
    def url(self) -> str:
        return f"kafka://{_before_host(self.credentials)}{self.hosts}?replication={self.replication}"


@dataclass(frozen=True, slots=True)
class S3:
    """One server, which is one region."""

    endpoint: str
    region: str = "us-east-1"
    access_key: str = "reelway"
    secret_key: str = "reelwaysecret"  # noqa: S105 -- of a server on loopback that lives as long as we do

    def url(self, bucket: str) -> str:
        who = f"{self.access_key}:{self.secret_key}"
        return f"s3://{who}@{bucket}?endpoint={self.endpoint}&region={self.region}"


@dataclass(frozen=True, slots=True)
class Redis:
    """`redis://`, `redis+sentinel://` or `redis+cluster://`."""

    url: str


def _before_host(credentials: Credentials | None) -> str:
    return f"{credentials.user}:{credentials.password}@" if credentials else ""
