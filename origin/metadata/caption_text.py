"""Captions as the text that stores keep, one a language. Rules file."""

from __future__ import annotations

import json
from collections.abc import Mapping

from origin.model import Caption


def caption_text(caption: Caption) -> str:
    return json.dumps({"label": caption.label, "digest": caption.digest}, separators=(",", ":"))


def captions_of(texts: Mapping[str, str]) -> tuple[Caption, ...]:
    """From the texts by language."""
    return tuple(Caption(language=language, **json.loads(texts[language])) for language in sorted(texts))
