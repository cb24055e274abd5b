"""Apache Kafka in KRaft mode: every node is broker and controller."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from deploy.services.addresses import Credentials, Kafka
from deploy.services.errors import NotStarted
from deploy.services.fetch import jars
from deploy.services.java import java
from deploy.services.node import Node
from deploy.services.ports import Ports
from deploy.services.service import Service, started

HEAP_MIB = 256
SESSION_MS = 3000
"""After so long without a heartbeat a broker counts as dead; until then no write is acknowledged (Kafka's own: 9 s)."""
_FORMAT_HEAP_MIB = 96
_HOST = "127.0.0.1"
_TOPIC = "services-ready"
_LOGGING = f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.xml')}"
_TIMEOUT_MS = 5000


def start_kafka(folder: Path, cache: Path, nodes: int = 1, credentials: Credentials | None = None) -> Service[Kafka]:
    """One broker or three, on the data in `folder`; with `credentials` it lets nobody else in (SASL/PLAIN).

    The broker with the id n is the n-th node. Topics are not made by themselves. Raises ServicesError.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    libraries = jars("kafka", cache)
    ports = Ports(folder)
    brokers = [ports.take(f"broker-{n}", _HOST) for n in range(1, nodes + 1)]
    controllers = [ports.take(f"controller-{n}", _HOST) for n in range(1, nodes + 1)]
    members: list[Node] = []
    for number, port in enumerate(brokers, 1):
        home = folder / f"node-{number}"
        home.mkdir(exist_ok=True)
        settings = home / "server.properties"
        _write(settings, _settings(number, home, brokers, controllers, credentials))
        command = java(HEAP_MIB, [libraries], _LOGGING, "kafka.Kafka", str(settings))
        members.append(Node(f"kafka {number}", home, _HOST, port, command))
    _format(folder, libraries, [node.folder for node in members])
    address = Kafka(",".join(node.address for node in members), nodes, credentials)
    return started(Service("Kafka", address, tuple(members), lambda: _missing(address, members)))


def _settings(
    number: int, home: Path, brokers: Sequence[int], controllers: Sequence[int], credentials: Credentials | None
) -> dict[str, str]:
    nodes = len(brokers)
    port, controller = brokers[number - 1], controllers[number - 1]
    in_sync = str(2 if nodes > 2 else 1)
    settings = {
        "node.id": str(number),
        "process.roles": "broker,controller",
        "controller.quorum.voters": ",".join(f"{n}@{_HOST}:{each}" for n, each in enumerate(controllers, 1)),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"CLIENT://{_HOST}:{port},CONTROLLER://{_HOST}:{controller}",
        "advertised.listeners": f"CLIENT://{_HOST}:{port}",
        "inter.broker.listener.name": "CLIENT",
        "listener.security.protocol.map": f"CLIENT:{_protocol(credentials)},CONTROLLER:PLAINTEXT",
        "log.dirs": str(home / "data"),
        "default.replication.factor": str(nodes),
        "min.insync.replicas": in_sync,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": str(SESSION_MS),
        "broker.heartbeat.interval.ms": "500",
        "controller.quorum.fetch.timeout.ms": "1500",
        "controller.quorum.election.timeout.ms": "800",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "background.threads": "4",
        "log.cleaner.dedupe.buffer.size": str(8 << 20),
        "log.segment.bytes": str(64 << 20),
        "log.index.size.max.bytes": str(1 << 20),
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        settings |= {f"{topic}.replication.factor": str(nodes), f"{topic}.num.partitions": "4"}
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.min.isr"] = in_sync
    if credentials:
        settings |= _login(credentials)
    return settings


def _protocol(credentials: Credentials | None) -> str:
    return "SASL_PLAINTEXT" if credentials else "PLAINTEXT"


def _login(credentials: Credentials) -> dict[str, str]:
    user, password = credentials.user, credentials.password
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    return {
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.client.plain.sasl.jaas.config": (
            f'{module} username="{user}" password="{password}" user_{user}="{password}";'
        ),
    }


def _write(file: Path, settings: Mapping[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))


def _format(folder: Path, libraries: Path, homes: Sequence[Path]) -> None:
    """Prepare the nodes' empty data folders, side by side. Raises NotStarted."""
    new = [home for home in homes if not (home / "data" / "meta.properties").exists()]
    if not new:
        return
    identity = folder / "cluster-id"
    if not identity.exists():
        identity.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))

    def run(home: Path) -> subprocess.CompletedProcess[str]:
        # One word each: an identity may begin with a dash, and would be taken for an option.
        options = ["format", f"--cluster-id={identity.read_text()}", f"--config={home / 'server.properties'}"]
        command = java(_FORMAT_HEAP_MIB, [libraries], _LOGGING, "kafka.tools.StorageTool", *options)
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    with ThreadPoolExecutor(len(new)) as side_by_side:
        for done in side_by_side.map(run, new):
            if done.returncode:
                raise NotStarted(f"Kafka's data folder could not be prepared:\n{done.stdout}{done.stderr}")


def _missing(address: Kafka, nodes: Sequence[Node]) -> str:
    for node in nodes:
        if not node.listens():
            return f"{node.name} does not listen"
    # A loop of its own on a thread of its own: the caller may be inside one.
    with ThreadPoolExecutor(1) as own:
        return own.submit(asyncio.run, _unacknowledged(address, len(nodes))).result()


async def _unacknowledged(address: Kafka, nodes: int) -> str:
    """Empty when every broker led a write that all brokers hold."""
    client: dict[str, Any] = {"bootstrap_servers": address.hosts, "request_timeout_ms": _TIMEOUT_MS}
    if address.credentials:
        client |= {
            "security_protocol": _protocol(address.credentials),
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": address.credentials.user,
            "sasl_plain_password": address.credentials.password,
        }
    admin = AIOKafkaAdminClient(**client)
    producer = AIOKafkaProducer(**client, acks="all")
    try:
        await admin.start()
        if short := await _topic_short(admin, nodes):
            return short
        await producer.start()
        for partition in range(nodes):
            await producer.send_and_wait(_TOPIC, b"ready", partition=partition)
    except (KafkaError, OSError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await producer.stop()
        await admin.close()
    return ""


async def _topic_short(admin: AIOKafkaAdminClient, nodes: int) -> str:
    """Empty when the topic is held by all brokers in step."""
    if len((await admin.describe_cluster())["brokers"]) < nodes:
        return "a broker has not joined"
    if _TOPIC not in await admin.list_topics():
        retention = {"retention.ms": "60000"}
        await admin.create_topics([NewTopic(_TOPIC, nodes, nodes, topic_configs=retention)])
    [topic] = await admin.describe_topics([_TOPIC])
    behind = [each["partition"] for each in topic["partitions"] if len(each["isr"]) < nodes]
    return f"partitions {behind} are not in step" if behind or len(topic["partitions"]) < nodes else ""
