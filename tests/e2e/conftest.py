"""One real system for the tests that do not break it, with a small library of clips.

`system` is a `reelway up` child process; browser fixtures stand in web/conftest.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.client import Client
from deploy.services.addresses import S3, Cassandra, Kafka, Redis
from deploy.services.service import Service
from deploy.services.valkey import empty
from tests.cassandra_keyspaces import drop
from tests.e2e.clips import moving
from tests.e2e.roles import engine_settings
from tests.e2e.system import RunningSystem

LIBRARY = 6
SignIn = Callable[..., Client]


@pytest.fixture(scope="session")
def sign_in() -> Iterator[SignIn]:
    """Makes clients of a system, as guests or with a token, and closes them at the end."""
    opened: list[Client] = []

    def made(system: RunningSystem, token: str = "") -> Client:
        client = Client(system.public_url, certificate=system.certificate, token=token)
        opened.append(client)
        if not token:
            client.open_session(None)
        return client

    yield made
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    running = RunningSystem(tmp_path_factory.mktemp("system") / "var")
    running.start()
    yield running
    assert running.stop() == 0, running.log.read_text()[-4000:]


@pytest.fixture(scope="session")
def library(system: RunningSystem, sign_in: SignIn, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Documents of a few ready videos by three creators."""
    folder = tmp_path_factory.mktemp("library")
    creators = [sign_in(system) for _ in range(3)]
    sent = []
    for number in range(LIBRARY):
        clip = moving(folder / f"{number}.mp4", seconds=3)
        created = creators[number % 3].create_upload(clip, f"clip {number} #tag{number % 2}")
        creators[number % 3].send_file(created.location, clip, lambda _: None)
        sent.append((creators[number % 3], created.video_id))
    documents = []
    for creator, video_id in sent:
        assert [each["status"] for each in creator.video_events(video_id)][-1] == "ready"
        documents.append(creator.call("GET", f"/v1/videos/{video_id}"))
    return documents


@pytest.fixture(scope="session")
def video(library: list[dict[str, Any]]) -> dict[str, Any]:
    """One ready video."""
    return library[0]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RunningSystem]:
    """A system of this test's own, to be killed."""
    system = RunningSystem(tmp_path / "var")
    system.start()
    yield system
    system.stop()


@pytest.fixture(scope="module")
def engines(cassandra: Cassandra, kafka: Kafka, s3: S3, redis_single: Service[Redis]) -> Iterator[dict[str, str]]:
    """Settings that name real engines: a keyspace, a bucket and topics that nobody else has, and an empty Redis."""
    empty(redis_single)
    name = f"roles_{uuid.uuid4().hex[:8]}"
    events = f"{kafka.url}&topic_prefix={name}-&partitions=2"
    made = engine_settings(cassandra.url(name), s3.url(name.replace("_", "-")), events, redis_single.address.url)
    yield made
    drop(made["REELWAY_METADATA_URL"])
