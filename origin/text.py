"""What users write: hashtags of descriptions, and which comments are refused. Rules file."""

from __future__ import annotations

import re
import unicodedata

MAX_TAGS = 20
MAX_TAG_LENGTH = 50
_TAG = re.compile(rf"(?<![\w#&])#(\w{{1,{MAX_TAG_LENGTH}}})(?!\w)")
_LINK = re.compile(r"(?:https?:/|www\.|\b[a-z0-9-]{2,}\.(?:com|net|org|info|biz|ru|cn|xyz|top|link|shop|click)\b)")
_RUN = re.compile(r"(\S)\1{14,}")
_LEET = str.maketrans("013457@$!", "oieastasi")
_ABUSE = re.compile(r"\b(?:kys|kill (?:yo)?ur ?self|(?:go|hope you) die|fuck(?:ing)? (?:you|off)|(?:you|u) cunt)\b")


def hashtags(description: str) -> tuple[str, ...]:
    """Lower-case tags without `#`, each once, in order, at most MAX_TAGS."""
    found = (tag.casefold() for tag in _TAG.findall(unicodedata.normalize("NFKC", description)))
    return tuple(dict.fromkeys(tag for tag in found if not tag.isdigit()))[:MAX_TAGS]


def comment_problem(text: str) -> str | None:
    """Why a comment is refused, as a sentence for its author; None when it is fine.

    A small filter against the commonest harm: links, abuse in plain or look-alike letters, and walls of one sign or of
    stacked marks. Moderation by a model is another service's.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    if not plain.strip():
        return "A comment must have some text."
    if _LINK.search(plain):
        return "Links are not allowed in comments."
    letters = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    if _ABUSE.search(" ".join(letters.translate(_LEET).split())):
        return "This comment attacks someone. Please say it kindly."
    if _RUN.search(plain):
        return "This comment repeats one sign too often."
    marks = sum(unicodedata.combining(c) > 0 for c in unicodedata.normalize("NFD", plain))
    if marks > 2 * len(letters):
        return "This comment stacks too many marks on its letters."
    return None
