"""Where else a server says that it can be reached. Rules file."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_BYTES = 4096
"""Of a field that is read at all."""
_HOST = r"[^\s\":/@]*|\[[0-9A-Fa-f:.]+\]"
_ENTRY = re.compile(rf'\s*(?P<protocol>[^\s=;,"]+)="(?P<host>{_HOST}):(?P<port>[0-9]{{1,5}})"[^,]*')


@dataclass(frozen=True, slots=True)
class Alternative:
    """A service that answers for the same origin; its certificate must be the origin's all the same."""

    host: str
    port: int


def http3_alternative(field: str, host: str) -> Alternative | None:
    """The first HTTP/3 service of an `Alt-Svc` field (RFC 7838 section 3), for an origin on `host`; None: there is
    none, or the server takes back what it said before (`clear`)."""
    if len(field) > MOST_BYTES:
        return None
    for entry in field.split(","):
        match = _ENTRY.fullmatch(entry)
        if match is not None and match["protocol"] == "h3" and 0 < int(match["port"]) < 65536:
            return Alternative(match["host"].strip("[]") or host, int(match["port"]))
    return None
