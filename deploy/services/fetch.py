"""Brings the engines' programs into a cache outside the tree, once however many ask, by the ordinary clients.

A program is complete or not there: it is made in a folder beside its place and renamed under a lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.services.errors import FetchFailed, ToolMissing

logger = logging.getLogger(__name__)
POM = Path(__file__).with_name("pom.xml")
S3_MODULE = "github.com/versity/versitygw/cmd/versitygw"
S3_VERSION = "v1.8.0"
FETCH_S = 1800
"""Most time for one engine: building the S3 server takes two to three minutes of two cores."""
_OUTPUT_LINES = 15
_INSTALL = {
    "java": "Kafka and Cassandra run on Java 17; install it with: apt-get install openjdk-17-jre-headless",
    "mvn": "Kafka and Cassandra are fetched by Maven; install it with: apt-get install maven",
    "go": "the S3 server is built by Go; install it from https://go.dev/doc/install (1.25 or later)",
}


def tool(name: str) -> str:
    """The path of java, mvn or go. Raises ToolMissing."""
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(f"{name} was not found: {_INSTALL[name]}")
    return found


def jars(profile: str, cache: Path) -> Path:
    """The folder of an engine's jars, by the profile of pom.xml. Raises ToolMissing, FetchFailed."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]

    def copy(target: Path) -> list[str]:
        # Without a terminal's colours, and refusing an artifact whose checksum is wrong.
        quiet = [tool("mvn"), "-B", "-q", "-C", "-f", str(POM), f"-P{profile}"]
        return [*quiet, "dependency:copy-dependencies", f"-DoutputDirectory={target}"]

    place = cache / f"{profile}-{digest}"
    with _making(place) as target:
        if target is not None:
            _run(copy(target), profile)
    return place


def s3_server(cache: Path) -> Path:
    """The S3 server's program. Raises ToolMissing, FetchFailed."""
    place = cache / f"versitygw-{S3_VERSION}"
    with _making(place) as target:
        if target is not None:
            build = ["env", f"GOBIN={target}", "CGO_ENABLED=0", tool("go"), "install", "-trimpath"]
            _run([*build, f"{S3_MODULE}@{S3_VERSION}"], "the S3 server")
    return place / "versitygw"


def fetch_all(cache: Path) -> None:
    """Bring everything that is missing. Raises ToolMissing, FetchFailed."""
    tool("java")
    for profile in ("kafka", "cassandra"):
        jars(profile, cache)
    s3_server(cache)


@contextmanager
def _making(place: Path) -> Iterator[Path | None]:
    """A folder to fill, which becomes `place` at the end; None when `place` is there already."""
    if place.exists():
        yield None
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.exists():
            yield None
            return
        logger.info("fetching %s, once for all checkouts", place.name)
        for left in place.parent.glob(f"{place.name}.part-*"):
            shutil.rmtree(left, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=f"{place.name}.part-", dir=place.parent))
        try:
            yield part
            part.rename(place)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _run(command: Sequence[str], what: str) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=FETCH_S
        )
    except subprocess.TimeoutExpired as error:
        raise FetchFailed(f"fetching {what} took more than {FETCH_S} s; try again") from error
    if done.returncode:
        end = done.stdout.decode(errors="replace").strip().splitlines()[-_OUTPUT_LINES:]
        raise FetchFailed(
            "\n".join([f"fetching {what} failed; is the network there? {Path(command[0]).name} said:", *end])
        )
