"""What `reelway doctor` finds of the engines: can each be used now, and if not, what to do."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from deploy.clock import now_ms
from deploy.engines import EMBEDDED_SCHEMES, Check
from deploy.readiness import ENGINE_ERRORS
from deploy.settings import Settings
from origin.eventlog import open_eventlog
from origin.metadata import open_metadata
from origin.objects import check_direct_uploads, check_replication, open_objects
from origin.speed import open_speed

TIMEOUT_S = 20.0
_NAMED_BY = {
    "metadata": "metadata_url",
    "objects": "objects_url",
    "events": "events_url",
    "speed layer": "redis_url",
}


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    ok: bool
    finding: str


async def engine_findings(settings: Settings) -> list[Finding]:
    """One finding for each engine that the settings name. An embedded one is not opened: `reelway up` makes it."""
    findings = [await _finding(name, setting, settings) for name, setting in _NAMED_BY.items()]
    url = settings.objects_url
    return [*findings, *await _direct_uploads(url), *await _replication(url)]


async def _direct_uploads(url: str) -> list[Finding]:
    """Whether pages can upload straight to the store; nothing where it takes nothing from clients."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            report = await check_direct_uploads(url)
    except (*ENGINE_ERRORS, ValueError, TimeoutError):
        return []  # told with the store itself
    return [] if report is None else [Finding("direct uploads", report.works, report.line())]


async def _replication(url: str) -> list[Finding]:
    """Whether objects reach the other region; nothing where the URL names none."""
    try:
        report = await check_replication(url)
    except (*ENGINE_ERRORS, ValueError) as error:
        return [Finding("replication", False, str(error))]
    return [] if report is None else [Finding("replication", report.works, "; ".join(report.lines()))]


async def _finding(name: str, setting: str, settings: Settings) -> Finding:
    url: str = getattr(settings, setting)
    scheme = urlsplit(url).scheme
    if scheme in EMBEDDED_SCHEMES or scheme == "memory":
        return Finding(name, True, f"{scheme}, in this process")
    try:
        async with AsyncExitStack() as stack, asyncio.timeout(TIMEOUT_S):
            await (await _open(name, url, settings, stack))()
    except (*ENGINE_ERRORS, ValueError) as error:
        return Finding(name, False, str(error))
    except TimeoutError:
        remedy = f"start it, or correct REELWAY_{setting.upper()}"
        return Finding(name, False, f"{scheme} gave no answer within {TIMEOUT_S:.0f} s; {remedy}")
    return Finding(name, True, f"{scheme} answers and is prepared")


async def _open(name: str, url: str, settings: Settings, stack: AsyncExitStack) -> Check:
    match name:
        case "metadata":
            metadata = open_metadata(url)
            stack.push_async_callback(metadata.close)
            return metadata.check
        case "objects":
            objects = open_objects(url)
            stack.push_async_callback(objects.close)
            return objects.check
        case "events":
            eventlog = open_eventlog(url, now_ms)
            stack.push_async_callback(eventlog.close)
            return eventlog.check
        case _:
            speed = await open_speed(url, settings.data)
            stack.push_async_callback(speed.close)
            return speed.check
