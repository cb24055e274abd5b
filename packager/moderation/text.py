"""The word filter on descriptions. Rules file.

Small on purpose: it stops what needs no context to be refused. Disguises that cost a typist nothing (case, accents,
full-width letters, digits for letters, dots between letters) are undone first.
"""

from __future__ import annotations

import re
import unicodedata

_LOOKALIKES = str.maketrans("013457@$!", "oieastasi")
_PHRASES = (
    "child porn",
    "cheap drugs",
    "buy cocaine",
    "buy mdma",
    "buy followers",
    "kill yourself",
    "kys",
    "go die",
    "sell nudes",
    "selling nudes",
    "send nudes",
    "porn",
    "porno",
    "xxx video",
    "gas the",
    "heil hitler",
    "death to all",
    "guaranteed profit",
    "double your bitcoin",
)
_PATTERN = re.compile(
    r"(?<![a-z0-9])(?:" + "|".join(re.escape(phrase).replace(r"\ ", " +") for phrase in _PHRASES) + r")(?![a-z0-9])"
)
_SPACED = re.compile(r"(?<![a-z0-9])((?:[a-z0-9][ .\-_*]){2,}[a-z0-9])(?![a-z0-9])")


def blocked_phrase(text: str) -> str | None:
    """The first phrase of the list that occurs in `text` as whole words, None when none does."""
    plain = _plain(text)
    for candidate in (plain, _SPACED.sub(lambda match: re.sub(r"[ .\-_*]", "", match[1]), plain)):
        found = _PATTERN.search(re.sub(r"[^a-z0-9]+", " ", candidate.translate(_LOOKALIKES)))
        if found:
            return found[0]
    return None


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
