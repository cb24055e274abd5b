"""Clips that are packaged once a session, for all tests that only look at the result."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from origin.progress import Packaging
from packager.package import Hooks, Package, Packaged
from packager.pipeline import package_file
from packager.settings import PackagerSettings
from packager.tools import Tools


@dataclass(frozen=True, slots=True)
class Case:
    """A clip, what a viewer sees of it, and the highest rung first."""

    name: str
    size: tuple[int, int]
    rungs: tuple[str, ...]
    rate: Fraction
    frames: int
    sound: bool


CASES = [
    Case("bbb", (1280, 720), ("v720", "v540", "v360"), Fraction(25), 132, True),
    Case("rotated", (1080, 1920), ("v1080", "v720", "v540", "v360"), Fraction(30), 90, True),
    Case("upright", (720, 1280), ("v720", "v540", "v360"), Fraction(30), 150, True),
    Case("silent", (360, 640), ("v360",), Fraction(30), 75, False),
    Case("short", (360, 640), ("v360",), Fraction(30), 30, True),
    Case("ntsc", (360, 640), ("v360",), Fraction(24000, 1001), 96, True),
    Case("sixty", (360, 640), ("v360",), Fraction(30), 60, False),
    Case("odd", (361, 639), ("v360",), Fraction(25), 38, False),
    Case("wide_pixels", (1047, 576), ("v540", "v360"), Fraction(25), 25, False),
    Case("hlg", (360, 640), ("v360",), Fraction(25), 25, False),
]


@dataclass(frozen=True, slots=True)
class Result:
    case: Case
    packaged: Packaged
    stages: tuple[Package, ...]
    early: dict[str, str]
    """File → SHA-256 at the first publication."""
    progress: tuple[float, ...]
    told: tuple[Packaging, ...]
    """What the creator is told beside the progress."""
    out: Path
    work: Path
    """Where the intermediates are."""

    @property
    def package(self) -> Package:
        return self.packaged.package

    @property
    def tracks(self) -> tuple[str, ...]:
        """Folders of pictures, highest rung first, then the sound's."""
        sound = sorted(name for name in self.package.immutable if name.startswith("a"))
        return (*self.package.renditions, *sound)

    @property
    def opening(self) -> str:
        """The folder of what a player begins with."""
        return self.package.startup[0].name.partition("/")[0]

    def segments(self, folder: str) -> list[Path]:
        return sorted((self.out / folder).glob("0*.m4s"))

    def whole(self, folder: str, target: Path) -> Path:
        """A track's segments in one file, as a player strings them together."""
        parts = [self.out / folder / "init.mp4", *self.segments(folder)]
        target.write_bytes(b"".join(part.read_bytes() for part in parts))
        return target


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True, slots=True)
class PackageMaker:
    """Packages the clip of a case at its first use."""

    folder: Path
    clip: Callable[[str], Path]
    tools: Tools
    settings: PackagerSettings
    made: dict[str, Result]

    def __call__(self, name: str) -> Result:
        if name not in self.made:
            self.made[name] = self._packaged(next(case for case in CASES if case.name == name))
        return self.made[name]

    def _packaged(self, case: Case) -> Result:
        out, work = self.folder / case.name / "out", self.folder / case.name / "work"
        work.mkdir(parents=True)
        stages: list[Package] = []
        early: dict[str, str] = {}
        told: list[tuple[float, Packaging]] = []

        async def publish(package: Package) -> None:
            stages.append(package)
            early.update({} if early else digests(out))

        hooks = Hooks(publish=publish, report=lambda *report: told.append(report))
        job = package_file(
            self.clip(case.name), out, work_folder=work, tools=self.tools, settings=self.settings, hooks=hooks
        )
        packaged = asyncio.run(job)
        assert isinstance(packaged, Packaged), packaged
        values, packaging = zip(*told, strict=True)
        return Result(case, packaged, tuple(stages), early, values, packaging, out, work)
