"""Opaque page cursors of listings: the position to continue from, bound to its listing. Rules file.

A cursor holds no secret and grants nothing; binding it to the listing only turns a mix-up into a clear error.
"""

from __future__ import annotations

import base64
import binascii

from origin.ids import MAX_ID


class BadCursor(ValueError):
    """A cursor that this listing did not give out."""


def encode(listing: str, position: int) -> str:
    """A cursor for `listing` (a short name) that continues before `position`."""
    return base64.urlsafe_b64encode(f"{listing}.{position}".encode()).rstrip(b"=").decode()


def decode(listing: str, cursor: str) -> int:
    """The position of a cursor. Raises BadCursor."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise BadCursor("the cursor is not one of ours") from error
    name, _, position = text.partition(".")
    digits = position.isascii() and position.isdigit() and len(position) <= 19
    if name != listing or not digits or int(position) > MAX_ID:
        raise BadCursor(f"the cursor does not belong to this listing ({listing})")
    return int(position)
