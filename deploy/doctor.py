"""Checks of a machine and its settings, each with what to do when it fails."""

from __future__ import annotations

import asyncio
import shutil
import socket
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import httpx
from cryptography import x509

from deploy.compose import web_folder
from deploy.engine_findings import Finding, engine_findings
from deploy.setting_forms import Bind
from deploy.settings import Settings
from edge.gateway.site_files import BrokenSite, load_site
from packager.sandbox import describe, is_complete
from packager.settings import PackagerSettings
from packager.tools import ToolMissing, find_tools

ROOM_WANTED_BYTES = 2 << 30
TOOL_TIMEOUT_S = 20.0


async def examine(settings: Settings) -> list[Finding]:
    """Run every check; none changes anything but making the data folder."""
    findings = [_data_folder(settings.data), _certificate(settings.tls_cert), _web_app()]
    findings += await _tools()
    findings.append(_sandbox())
    findings += await engine_findings(settings)
    running = await _running(settings)
    if running is not None:
        return [*findings, running]
    binds = [getattr(settings, each.name) for each in fields(settings) if each.name.endswith("_bind")]
    return findings + [_port(bind) for bind in binds]


def _data_folder(data: Path) -> Finding:
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding("data folder", False, f"{data} cannot be written: {error.strerror}; set REELWAY_DATA")
    free = shutil.disk_usage(data).free
    room = f"{data} has {free / 1e9:.1f} GB free"
    return Finding(
        "data folder", free >= ROOM_WANTED_BYTES, room if free >= ROOM_WANTED_BYTES else f"{room}; 2 GB wanted"
    )


def _certificate(path: Path) -> Finding:
    if not path.exists():
        return Finding("certificate", True, f"{path} is made at the first start")
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        return Finding("certificate", False, f"{path} cannot be read: {error}")
    ends = certificate.not_valid_after_utc
    return Finding("certificate", ends > datetime.now(UTC), f"{path} is valid until {ends:%Y-%m-%d}")


def _web_app() -> Finding:
    try:
        files = load_site(web_folder())
    except BrokenSite as error:
        return Finding("web app", False, f"{error}; `make up` installs its libraries")
    return Finding("web app", True, f"{len(files)} files")


async def _tools() -> list[Finding]:
    try:
        tools = find_tools(PackagerSettings())
    except ToolMissing as error:
        return [Finding("packaging tools", False, str(error))]
    named = (("ffmpeg", tools.ffmpeg, "-version"), ("ffprobe", tools.ffprobe, "-version"))
    return [await _tool(*each) for each in (*named, ("shaka packager", tools.shaka_packager, "--version"))]


async def _tool(name: str, path: str, flag: str) -> Finding:
    try:
        child = await asyncio.create_subprocess_exec(
            path, flag, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await asyncio.wait_for(child.communicate(), TOOL_TIMEOUT_S)
    except (OSError, TimeoutError) as error:
        return Finding(name, False, f"{path} does not run: {error}")
    first = output.decode(errors="replace").partition("\n")[0].partition(" Copyright")[0][:80]
    return Finding(name, child.returncode == 0, first)


def _sandbox() -> Finding:
    """What a clip that takes over its decoder is held by."""
    complete = is_complete()
    lacking = "" if complete else "; Linux 5.13 or later on x86-64 or arm64 has both Landlock and seccomp"
    return Finding("sandbox", complete, f"{describe()}{lacking}")


async def _running(settings: Settings) -> Finding | None:
    try:
        async with httpx.AsyncClient(timeout=2) as client:
            state = (await client.get(f"http://{settings.admin_bind}/readyz")).json()
            waiting, degraded = state["waiting_for"], state["degraded"]
            folder = (await client.get(f"http://{settings.admin_bind}/config")).json()["REELWAY_DATA"]
    except (httpx.TransportError, ValueError, KeyError):
        return None
    if folder != str(settings.data):
        return Finding("running", False, f"with another data folder, {folder}: set REELWAY_DATA or other ports")
    words = [] if waiting else ["ready"]
    words += [f"{name}: {why}" for name, why in {**degraded, **waiting}.items()]
    return Finding("running", not waiting and not degraded, "; ".join(words))


def _port(address: Bind) -> Finding:
    for kind, name in ((socket.SOCK_STREAM, "TCP"), (socket.SOCK_DGRAM, "UDP")):
        with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address.host, address.port))
            except OSError as error:
                return Finding(f"port {address.port}", False, f"{name} {address}: {error.strerror}")
    return Finding(f"port {address.port}", True, f"{address} is free")
