"""`reelway webhooks test`, and the receivers that the documentation shows."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from deploy.clock import now_ms
from deploy.settings import BadSetting, load
from origin.webhooks.message import TEST, body_of
from origin.webhooks.signature import parse_secret, signed

ROOT = Path(__file__).parents[2]
SECRET, OLD_SECRET = "whsec_" + "QUJD" * 8, "whsec_" + "REVG" * 8
Run = Callable[..., tuple[int, str]]


@contextmanager
def receiver(status: int, port: int = 0) -> Iterator[tuple[str, list[tuple[dict[str, str], str]]]]:
    """Its URL, and what it got."""
    got: list[tuple[dict[str, str], str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", got
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def run(reelway: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[int, str]]:
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    return lambda url: reelway("webhooks", "test", "--json", url)


def test_a_receiver_gets_a_message_that_verifies(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELWAY_WEBHOOK_REACH", "loopback")
    with receiver(204) as (url, got):
        code, said = run(url)
    assert (code, json.loads(said)["status"]) == (0, 204)
    [(fields, body)] = got
    assert Webhook(SECRET).verify(body, fields)["type"] == TEST


@pytest.mark.parametrize(
    ("status", "words"), [(500, "again after 5 s"), (302, "again after 5 s"), (410, "no messages")]
)
def test_a_receiver_that_does_not_take_it_is_told(
    run, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    monkeypatch.setenv("REELWAY_WEBHOOK_REACH", "loopback")
    with receiver(status) as (url, _):
        code, said = run(url)
    assert code == 1
    assert words in said


def test_this_machine_is_not_reached_unless_that_is_set(run) -> None:
    with receiver(204) as (url, got):
        assert run(url)[0] == 2
        code, said = run(url.replace("http:", "https:").replace("127.0.0.1", "localhost"))
    assert code == 1
    assert "not public" in said
    assert not got


def test_a_bad_secret_is_refused_and_not_shown(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", "whsec_tooshort")
    code, said = run("https://a.example/")
    assert code == 2
    assert "tooshort" not in said


def test_a_reach_that_is_none_stops_the_start(tmp_path: Path) -> None:
    assert load(tmp_path, {"REELWAY_WEBHOOK_REACH": "10.20.0.0/16,loopback"}).webhook_reach == "10.20.0.0/16,loopback"
    for bad in ("10.20.0.1/16", "everything", ","):
        with pytest.raises(BadSetting, match="such as 10"):
            load(tmp_path, {"REELWAY_WEBHOOK_REACH": bad})


def shown(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def deliveries() -> Iterator[tuple[dict[str, str], str, bool]]:
    """Header fields, body, and whether a receiver is to believe them."""
    now_s, body = now_ms() // 1000, body_of(TEST, now_ms(), {})
    both = [parse_secret(OLD_SECRET), parse_secret(SECRET)]
    yield dict(signed(both, "msg_1", now_s, body)), body.decode(), True
    yield dict(signed(both[1:], "msg_1", now_s, body)), body.decode(), True
    yield dict(signed(both[:1], "msg_1", now_s, body)), body.decode(), False
    yield dict(signed(both, "msg_1", now_s - 600, body)), body.decode(), False
    yield dict(signed(both, "msg_1", now_s, body)), body.decode() + " ", False
    yield {**signed(both, "msg_1", now_s, body), "webhook-id": "msg_2"}, body.decode(), False


def test_the_python_receiver_of_the_documentation_believes_what_is_signed_and_nothing_else() -> None:
    names: dict[str, Callable[..., bool]] = {}
    exec(shown("python"), names)
    for fields, body, wanted in deliveries():
        assert names["verified"](SECRET, fields, body.encode()) is wanted


def test_the_node_receiver_of_the_documentation_believes_what_is_signed_and_nothing_else(tmp_path: Path) -> None:
    given = list(deliveries())
    script = tmp_path / "receiver.mjs"
    script.write_text(
        shown("js")
        + f"for (const [fields, body] of {json.dumps(given)})\n"
        + f'  console.log(verified("{SECRET}", fields, body));\n'
    )
    ran = subprocess.run([ROOT / "deploy/setup/node", script], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == [str(wanted).lower() for _, _, wanted in given]
