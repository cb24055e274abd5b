"""Dictionaries of Structured Field Values (RFC 9651), as far as cache control and Cache-Status need them.

Rules only.

A field that breaks the syntax anywhere is None as a whole (RFC 9651 section 4.2), whatever came before the
mistake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Bare = int | float | str | bytes | bool | None


class Token(str):
    """A bare word, as opposed to a quoted string."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class InnerList:
    """A parenthesised list; its items are read for their syntax only."""

    items: tuple[Bare, ...]


Value = Bare | InnerList

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_DECIMAL = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,3}(?![0-9])")
_INTEGER = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_BYTES = re.compile(r":([A-Za-z0-9+/=]*):")
_BOOLEAN = re.compile(r"\?([01])")
_DATE = re.compile(r"@-?[0-9]{1,15}(?![0-9.])")


class _BrokenField(Exception):
    pass


def parse_dictionary(text: str) -> Mapping[str, Value] | None:
    """Members of a dictionary without their parameters, the last of a repeated key; None for a field that is
    not one.
    """
    reader = _Reader(text.strip(" "))
    try:
        return reader.dictionary()
    except _BrokenField:
        return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def dictionary(self) -> dict[str, Value]:
        members: dict[str, Value] = {}
        while self._at < len(self._text):
            key = self._expect(_KEY)
            value: Value = True
            if self._peek() == "=":
                self._at += 1
                value = self._item()
            self._parameters()
            members.pop(key, None)
            members[key] = value
            self._skip(" \t")
            if self._at == len(self._text):
                break
            if self._peek() != ",":
                raise _BrokenField
            self._at += 1
            self._skip(" \t")
            if self._at == len(self._text):
                raise _BrokenField
        return members

    def _item(self) -> Value:
        if self._peek() != "(":
            return self._bare()
        self._at += 1
        items: list[Bare] = []
        while True:
            self._skip(" ")
            if self._peek() == ")":
                self._at += 1
                return InnerList(tuple(items))
            items.append(self._bare())
            self._parameters()
            if self._peek() not in (" ", ")"):
                raise _BrokenField

    def _parameters(self) -> None:
        while self._peek() == ";":
            self._at += 1
            self._skip(" ")
            self._expect(_KEY)
            if self._peek() == "=":
                self._at += 1
                self._bare()

    def _bare(self) -> Bare:
        for form in (_INTEGER, _DECIMAL, _STRING, _TOKEN, _BYTES, _BOOLEAN, _DATE):
            match = form.match(self._text, self._at)
            if match:
                self._at = match.end()
                return _value(form, match)
        raise _BrokenField

    def _expect(self, form: re.Pattern[str]) -> str:
        match = form.match(self._text, self._at)
        if not match:
            raise _BrokenField
        self._at = match.end()
        return match.group()

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, characters: str) -> None:
        while self._peek() and self._peek() in characters:
            self._at += 1


def _value(form: re.Pattern[str], match: re.Match[str]) -> Bare:
    if form is _INTEGER:
        return int(match.group())
    if form is _DECIMAL:
        return float(match.group())
    if form is _BOOLEAN:
        return match.group(1) == "1"
    if form is _TOKEN:
        return Token(match.group())
    if form is _STRING:
        return match.group(1)
    return match.group().encode("ascii")
