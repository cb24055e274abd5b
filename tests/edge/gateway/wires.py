"""A scripted wire between the gateway and the roles behind it: it can be cut, lose answers, or hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from origin.roles import RoleUnavailable


class Fate(Enum):
    """Of one call."""

    ANSWERED = "answered"
    CUT = "cut"
    """It never arrives."""
    LOST = "lost"
    """It is done and the answer is lost."""
    HANGS = "hangs"
    """It never arrives, and nobody says so."""


@dataclass
class Wire:
    """Stands for `inner`; `fate` decides of each call by its name."""

    inner: Any
    fate: Callable[[str], Fate] = lambda _: Fate.ANSWERED
    calls: list[str] = field(default_factory=list)

    def cut(self, fate: Fate = Fate.CUT) -> None:
        self.fate = lambda _: fate

    def mend(self) -> None:
        self.fate = lambda _: Fate.ANSWERED

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any) -> Any:
            self.calls.append(name)
            fate = self.fate(name)
            if fate is Fate.CUT:
                raise RoleUnavailable("the origin does not answer")
            if fate is Fate.HANGS:
                await asyncio.Event().wait()
            result = await getattr(self.inner, name)(*args)
            if fate is Fate.LOST:
                raise RoleUnavailable("the origin's answer is lost")
            return result

        return call
