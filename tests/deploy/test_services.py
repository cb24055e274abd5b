"""The engines' harness: it says why an engine does not start, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from deploy.services import ports, state
from deploy.services.addresses import S3, Cassandra, Kafka, Redis
from deploy.services.errors import FetchFailed, NotStarted, PortTaken, ToolMissing
from deploy.services.fetch import jars, tool
from deploy.services.ports import Ports
from deploy.services.service import Service
from deploy.services.valkey import client, start_redis
from tests.waiting import until_blocking

ROOT = Path(__file__).parents[2]


def runs(pid: int) -> bool:
    """A process that has ended and that nobody has asked after counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class TestNode:
    @pytest.fixture
    def service(self, tmp_path: Path) -> Iterator[Service[Redis]]:
        with start_redis(tmp_path / "redis") as service:
            yield service

    def test_a_node_that_was_killed_and_started_again_has_its_data(self, service: Service[Redis]) -> None:
        [node] = service.nodes
        with redis.Redis.from_url(service.address.url) as asked:
            asked.set("kept", "yes")
        before = node.pid
        node.kill()
        assert node.pid is None
        service.start()
        assert node.pid not in (None, before)
        with redis.Redis.from_url(service.address.url) as asked:
            assert asked.get("kept") == b"yes"

    def test_a_frozen_node_accepts_and_does_not_answer_until_it_is_thawed(self, service: Service[Redis]) -> None:
        [node] = service.nodes
        node.freeze()
        with client(node) as asked, pytest.raises(redis.exceptions.TimeoutError):
            asked.ping()
        assert node.listens()
        node.thaw()
        with client(node) as asked:
            assert asked.ping()

    def test_a_frozen_node_can_be_stopped(self, service: Service[Redis]) -> None:
        service.nodes[0].freeze()
        service.stop()
        assert service.nodes[0].ended_with == 0


class TestWhatDoesNotStart:
    def test_the_error_shows_the_end_of_the_log(self, tmp_path: Path) -> None:
        (tmp_path / "valkey.conf").write_text("no-such-setting yes\n")
        with pytest.raises(NotStarted, match=r"redis ended with 1(.|\n)*no-such-setting"):
            start_redis(tmp_path)

    def test_a_second_owner_of_the_data_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ports, "_LET_GO_S", 0.2)
        with start_redis(tmp_path), pytest.raises(PortTaken, match="another program listens on port"):
            start_redis(tmp_path)

    def test_a_port_is_kept_from_start_to_start(self, tmp_path: Path) -> None:
        assert Ports(tmp_path).take("clients", "127.0.0.1") == Ports(tmp_path).take("clients", "127.0.0.1")

    def test_a_port_must_be_free_on_every_address(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.create_server(("127.0.0.3", 0)) as other:
            port = other.getsockname()[1]
            monkeypatch.setattr(ports, "_RANGE", range(port, port + 1))
            with pytest.raises(PortTaken, match="is free for clients"):
                Ports(tmp_path).take("clients", "127.0.0.1", "127.0.0.3")


class TestFetching:
    @pytest.fixture
    def maven(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A Maven that writes its calls down and takes a moment; with a file `broken` beside it, it fails."""
        program = tmp_path / "bin" / "mvn"
        program.parent.mkdir()
        program.write_text(
            "#!/bin/sh\n"
            f"echo called >> {tmp_path}/calls\n"
            f"[ -e {tmp_path}/broken ] && {{ echo no route to the repository; exit 1; }}\n"
            'for each; do case $each in -DoutputDirectory=*) echo jar > "${each#*=}/engine.jar";; esac; done\n'
            "sleep 0.5\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        return tmp_path

    def test_what_two_ask_for_at_once_is_fetched_once_and_whole(self, maven: Path) -> None:
        cache = maven / "cache"
        with ThreadPoolExecutor(2) as both:
            first, second = both.map(lambda _: jars("kafka", cache), range(2))
        assert first == second
        assert [each.name for each in first.iterdir()] == ["engine.jar"]
        assert (maven / "calls").read_text() == "called\n"

    def test_a_failure_tells_what_the_tool_said_and_leaves_nothing(self, maven: Path) -> None:
        cache = maven / "cache"
        (maven / "broken").touch()
        with pytest.raises(FetchFailed, match="no route to the repository"):
            jars("kafka", cache)
        assert not [each for each in cache.iterdir() if each.is_dir()]
        (maven / "broken").unlink()
        assert (jars("kafka", cache) / "engine.jar").exists()

    def test_what_an_interrupted_fetch_left_is_cleared(self, maven: Path) -> None:
        cache = maven / "cache"
        place = jars("kafka", cache)
        left = place.rename(place.with_name(f"{place.name}.part-left"))
        assert jars("kafka", cache) == place
        assert not left.exists()

    def test_a_missing_tool_is_named_with_the_line_that_installs_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        with pytest.raises(ToolMissing, match="apt-get install maven"):
            tool("mvn")


class TestMakeServices:
    @pytest.mark.slow
    @pytest.mark.timeout(400)
    def test_the_engines_go_with_who_started_them_and_come_back_with_their_data(self, tmp_path: Path) -> None:
        with services(tmp_path) as process:
            first = ready(process, tmp_path)
            with redis.Redis.from_url(first.redis.url) as asked:
                asked.set("kept", "yes")
            os.kill(first.pids[0], signal.SIGSTOP)
            process.kill()
            until_blocking(lambda: not any(runs(pid) for pid in first.pids))
        with pytest.raises(state.NotRunning, match="make services"):
            state.read(tmp_path)
        with services(tmp_path) as process:
            second = ready(process, tmp_path)
            assert second.settings() == first.settings()
            with redis.Redis.from_url(second.redis.url) as asked:
                assert asked.get("kept") == b"yes"
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert f"export REELWAY_EVENTS_URL='{first.kafka.url}'\n" in output
        assert not any(runs(pid) for pid in second.pids)

    def test_what_a_killed_owner_left_is_not_taken_for_the_next_ones(self, tmp_path: Path) -> None:
        left = state.Running(Cassandra("h:1"), Kafka("h:2"), S3("http://h:3"), Redis("redis://h:4"), (1,))
        with contextlib.ExitStack() as stack:
            left.publish(tmp_path, stack)
            assert state.read(tmp_path) == left
            document = (tmp_path / state.FILE_NAME).read_text()
        (tmp_path / state.FILE_NAME).write_text(document)
        with contextlib.ExitStack() as stack:
            state.claim(tmp_path, stack)
            with pytest.raises(state.NotRunning, match="have ended"):
                state.read(tmp_path)

    def test_a_folder_has_one_owner(self, tmp_path: Path) -> None:
        with contextlib.ExitStack() as stack:
            state.claim(tmp_path, stack)
            done = subprocess.run(command(tmp_path), cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 1
        assert "run already" in done.stderr


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "deploy.services", "--folder", str(folder)]


@contextlib.contextmanager
def services(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command(folder), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[str], folder: Path) -> state.Running:
    running = None

    def found() -> bool:
        nonlocal running
        assert process.poll() is None
        with contextlib.suppress(state.NotRunning):
            running = state.read(folder)
        return running is not None

    until_blocking(found, within_s=300)
    assert running is not None
    return running
