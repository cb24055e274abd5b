"""Publications as the JSON text that stores keep. Rules file."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache

from origin.model import Publication, StartupFile


def publication_text(publication: Publication) -> str:
    document = asdict(publication)
    document["files"] = dict(publication.files)
    return json.dumps(document, separators=(",", ":"))


@lru_cache(maxsize=4096)
def publication_of(text: str) -> Publication:
    values = json.loads(text)
    values["renditions"] = tuple(values["renditions"])
    values["startup"] = tuple(StartupFile(**file) for file in values["startup"])
    return Publication(**values)
