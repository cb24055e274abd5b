"""Made-up handles of guests. Rules file."""

from __future__ import annotations

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
GUEST_PREFIX = "guest"


def guest_handle(user_id: int) -> str:
    """`guest` and the id in base 36: nobody else's, and claimed names may not begin so."""
    letters = ""
    while user_id:
        user_id, digit = divmod(user_id, 36)
        letters = _DIGITS[digit] + letters
    return GUEST_PREFIX + (letters or "0")
