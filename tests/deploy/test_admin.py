"""The admin port's answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from deploy.admin import AdminParts, create_admin
from edge.cache.invalidation import Purge


@dataclass(slots=True)
class Stats:
    requests: int = 3
    refused: dict[str, int] = field(default_factory=lambda: {"expired": 2})
    running: int = field(default=1, metadata={"gauge": True})


class CountingCache:
    def __init__(self) -> None:
        self.orders: list[Purge] = []

    async def purge(self, purge: Purge) -> int:
        self.orders.append(purge)
        return 7

    def summary(self) -> Mapping[str, Any]:
        return {"entries": 1}


async def _nothing() -> None:
    return None


def _parts(waiting: dict[str, str], cache: CountingCache | None) -> AdminParts:
    return AdminParts(
        waiting_for=waiting,
        degraded={},
        stats={"edge": Stats()},
        cache=lambda: cache,
        drain=_nothing,
        config={"REELWAY_LOG": "text"},
        host="admin.internal",
    )


async def test_a_process_is_ready_once_it_waits_for_nothing() -> None:
    waiting = {"valkey": "starting"}
    client = create_admin(_parts(waiting, None)).test_client()
    refused = await client.get("/readyz")
    assert (refused.status_code, (await refused.get_json())["waiting_for"]) == (503, {"valkey": "starting"})
    waiting.clear()
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.get("/livez")).status_code == 200


async def test_metrics_are_the_services_stats_in_prometheus_text() -> None:
    answer = await create_admin(_parts({}, None)).test_client().get("/metrics")
    text = (await answer.get_data()).decode()
    assert "reelway_edge_requests_total 3.0" in text
    assert 'reelway_edge_refused_total{kind="expired"} 2.0' in text
    assert "# TYPE reelway_edge_running gauge\nreelway_edge_running 1.0" in text


async def test_a_purge_names_exactly_one_of_url_prefix_and_tag() -> None:
    cache = CountingCache()
    client = create_admin(_parts({}, cache)).test_client()
    done = await client.post("/purge", json={"tag": "video-1", "soft": True})
    assert (await done.get_json()) == {"purged": 7}
    assert cache.orders == [Purge("tag", "video-1", True)]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"tag":"a","url":"b"}', b'{"tag":3}', b'{"tag":"a","soft":1}', b"[" * 100_000]
)
async def test_a_purge_of_another_form_is_refused_in_words(body: bytes) -> None:
    cache = CountingCache()
    answer = await create_admin(_parts({}, cache)).test_client().post("/purge", data=body)
    assert answer.status_code == 400
    assert (await answer.get_json(force=True))["detail"]
    assert cache.orders == []


async def test_a_process_without_an_edge_says_so() -> None:
    client = create_admin(_parts({}, None)).test_client()
    assert (await client.post("/purge", json={"tag": "a"})).status_code == 404
    assert (await client.get("/cache")).status_code == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example:9090"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
    ],
)
async def test_a_web_page_can_make_nobodys_browser_use_the_admin_port(fields: dict[str, str]) -> None:
    cache = CountingCache()
    client = create_admin(_parts({}, cache)).test_client()
    headers = {"Host": "127.0.0.1:9090", **fields}
    assert (await client.post("/purge", json={"tag": "a"}, headers=headers)).status_code == 403
    assert (await client.post("/drain", headers=headers)).status_code == 403
    assert (await client.get("/config", headers=headers)).status_code == 403
    assert cache.orders == []


@pytest.mark.parametrize("host", ["127.0.0.1:9090", "[::1]:9090", "10.1.2.3", "localhost:9090", "admin.internal:9090"])
async def test_tools_call_the_admin_port_by_address_or_by_what_it_is_bound_to(host: str) -> None:
    client = create_admin(_parts({}, CountingCache())).test_client()
    assert (await client.post("/purge", json={"tag": "a"}, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_may_use_any_name_of_the_service(path: str) -> None:
    answer = await create_admin(_parts({}, None)).test_client().get(path, headers={"Host": "reelway.svc:9090"})
    assert answer.status_code == 200
