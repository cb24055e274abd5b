"""Structured logs and Prometheus metrics.

Logs: one line a record on standard error, as readable text or JSON, each with the request id that
`origin.trace` carries. Metrics: every service documents its counters in a `stats` dataclass; `exposition`
turns those into Prometheus text under the fields' names. A field whose metadata says `gauge` may fall again.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from origin.trace import request_id

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What would let a client's text begin a line of its own, colour a terminal, or turn its letters round."""


def configure_logging(form: str, level: str) -> None:
    """Send all records to standard error in `form` (`text` or `json`)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "quic", "http3", "hypercorn.error", "PIL", "aiokafka", "cassandra", "botocore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    current = request_id.get()
    return {"request_id": current, **extra} if current else extra


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        extra = "".join(f" {key}={value}" for key, value in _fields_of(record).items())
        said = _UNPRINTABLE.sub(_escaped, f"{record.getMessage()}{extra}")
        line = f"{moment} {record.levelname.lower():7} {record.name}: {said}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        document = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        document |= {name: value for name, value in _fields_of(record).items() if name not in document}
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str)


StatsSources = Mapping[str, Any]
"""Stats dataclasses by the name of the service that counts in them."""


class _StatsCollector:
    """Reads the stats dataclasses at each scrape, so that counting costs the services an integer addition."""

    def __init__(self, sources: StatsSources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        for service, stats in self._sources.items():
            if is_dataclass(stats):
                yield from _metrics_of(service, stats)


def _metrics_of(service: str, stats: Any) -> Iterable[Metric]:
    for field in fields(stats):
        value = getattr(stats, field.name)
        name = f"reelway_{service}_{field.name}"
        if isinstance(value, bool) or not isinstance(value, int | float | dict):
            continue
        gauge = bool(field.metadata.get("gauge"))
        family = (GaugeMetricFamily if gauge else CounterMetricFamily)(
            name, f"{service}: {field.name.replace('_', ' ')}", labels=["kind"] if isinstance(value, dict) else None
        )
        if isinstance(value, dict):
            for kind, number in value.items():
                family.add_metric([str(kind)], number)
        else:
            family.add_metric([], value)
        yield family


def exposition(sources: StatsSources) -> bytes:
    """The Prometheus text exposition of all stats."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_StatsCollector(sources))
    return generate_latest(registry)
