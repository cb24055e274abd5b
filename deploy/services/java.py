"""How both engines' Java is run: small, and quick to start rather than to run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deploy.services.fetch import tool

_DIRECT_MIB = 128


def java(heap_mib: int, folders: Sequence[Path], *arguments: str) -> list[str]:
    """The command line; `folders` hold the jars. Raises ToolMissing."""
    return [
        tool("java"),
        f"-Xms{heap_mib}m",
        f"-Xmx{heap_mib}m",
        f"-XX:MaxDirectMemorySize={_DIRECT_MIB}m",
        # One collector thread and the quick compiler: on few cores the engines would slow each other.
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-Xshare:auto",
        # Half a process answers wrongly; an ended one shows in its log.
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true",
        "-cp",
        ":".join(f"{folder}/*" for folder in folders),
        *arguments,
    ]
