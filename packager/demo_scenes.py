"""A dozen small films as ffmpeg filter graphs, for an empty system. Rules file.

Each is drawn small and scaled up, so that ten seconds of 720x1280 cost a few CPU-seconds: smooth things are smoothed
on the way up, cells stay cells. Colours come from a palette over a grey picture, or from a slow gradient behind a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, RATE = 720, 1280, 30
TITLE_S = 3.6


@dataclass(frozen=True, slots=True)
class Scene:
    title: str
    picture: str
    """A filter graph without inputs, with one unnamed output of WIDTH x HEIGHT at RATE."""
    chord: tuple[float, ...]
    """Pitches of the pad, Hz."""
    steps: tuple[float, ...] = ()
    """Pitches of a plucked figure, four a second; none for a still pad."""


_PALETTE = "format=gray,format=gbrp,pseudocolor=preset="
_SMOOTH = f"scale={WIDTH}:{HEIGHT}:flags=bicubic"
_CELLS = f"scale={WIDTH}:{HEIGHT}:flags=neighbor"


def _gradient(colors: Sequence[str], speed: float) -> str:
    """A gradient that turns slowly over the whole picture."""
    return f"{_blend_of(colors, '0:0:90:160', speed)},scale={WIDTH}:{HEIGHT},format=gbrp"


def _still_gradient(colors: Sequence[str], top: int, bottom: int) -> str:
    """A gradient from row `top` to row `bottom` of 160, at half size."""
    return f"{_blend_of(colors, f'45:{top}:45:{bottom}', 0.00001)},scale=360:640,format=gbrp"


def _blend_of(colors: Sequence[str], ends: str, speed: float) -> str:
    listed = ":".join(f"c{place}=0x{color}" for place, color in enumerate(colors))
    places = ":".join(f"{name}={value}" for name, value in zip(("x0", "y0", "x1", "y1"), ends.split(":"), strict=True))
    return f"gradients=s=90x160:r={RATE}:n={len(colors)}:{listed}:{places}:speed={speed}"


def _inked(mask: str, colors: Sequence[str], speed: float) -> str:
    """A black and white `mask` with its white in the colours of a gradient."""
    return f"{mask},format=gbrp[mask];{_gradient(colors, speed)}[ink];[ink][mask]blend=all_mode=multiply"


def _mandelbrot(x: float, y: float, start: float, end: float, depth: int, palette: str) -> str:
    view = f"start_x={x}:start_y={y}:start_scale={start}:end_scale={end}:end_pts=300"
    return f"mandelbrot=s=270x480:r={RATE}:maxiter={depth}:{view}:inner=black,{_PALETTE}{palette},{_SMOOTH}"


def _life(size: str, cell: int, rule: str, colors: tuple[str, str, str], seed: int) -> str:
    """Game-of-life cells with the names of living, dead and fading colour; dark lines part the cells."""
    living, dead, fading = (f"0x{color}" for color in colors)
    look = f"life_color={living}:death_color={dead}:mold_color={fading}:mold=14"
    board = f"life=s={size}:r=10:ratio=0.36:rule={rule}:seed={seed}:{look}"
    return f"{board},fps={RATE},{_CELLS},drawgrid=w={cell}:h={cell}:t=2:c={dead}"


def _waves(expression: str, palette: str) -> str:
    return f"color=black:s=90x160:r={RATE},format=gray,geq=lum='{expression}',{_PALETTE}{palette},{_SMOOTH}"


_SUN = (
    "if(lt(hypot(X-90,Y-150+4*sin(T*0.7)),58)*gt(mod(Y+T*7,14),max(0,(Y-150)*0.16)),255,"
    "if(gt(Y,212),70+60*sin((Y-200)*(Y-200)/90-T*4+2*sin(X/14+T))*exp(-abs(X-90)/60),0))"
)
_SUNSET = (
    # Evaluated pixel by pixel, so at half the rate: the sun sinks slowly.
    f"color=black:s=180x320:r=15,format=gray,geq=lum='{_SUN}',fps={RATE},scale=360:640:flags=bicubic,format=gbrp[mask];"
    f"{_still_gradient(('fff3b0', 'ff6f59', 'f72585'), 42, 108)}[sun];"
    f"{_still_gradient(('10002b', '3c096c', '9d4edd', '240046'), 0, 160)}[sky];"
    f"[sky][sun][mask]maskedmerge,{_SMOOTH}"
)
_TEST_CARD = (
    f"smptehdbars=s=360x640:r={RATE},scroll=v=0.0025,rgbashift=rh=-4:bh=4,lenscorrection=k1=-0.12:k2=-0.03,"
    f"vignette=PI/4.5,{_SMOOTH},drawgrid=w=0:h=6:t=2:c=black@0.35"
)
_MOODY_BARS = (
    f"smptebars=s=36x64:r={RATE},hue=h=18*t,scroll=h=0.006:v=0.002,gblur=sigma=1.2,scale=360:640:flags=bicubic,"
    f"format=gbrp[bars];color=black:s=45x80:r={RATE},format=gray,geq=lum='128+60*sin(Y/6.5+T*1.3)+50*sin(X/9.5-T)',"
    f"scale=360:640,format=gbrp,split[across][down];[bars][across][down]displace=edge=wrap,{_SMOOTH}"
)
_RINGS = (
    f"zoneplate=s=180x320:r={RATE}:ku=512:kv=0:kx2=90:ky2=60:kt=30:kxy=9,{_PALETTE}plasma,{_SMOOTH},"
    "rgbashift=rh=-14:bh=16:gv=6"
)
_TRIANGLES = _inked(
    f"sierpinski=s=360x640:r={RATE}:type=triangle:jump=2:seed=3,format=gray,negate,{_CELLS}",
    ("ffd166", "ef476f", "9b5de5", "118ab2"),
    0.03,
)
_RULE_110 = _inked(
    f"cellauto=s=90x160:r=20:rule=110:seed=11:start_full=1,fps={RATE},format=gray,{_CELLS}",
    ("00f5d4", "00bbf9", "9b5de5", "f15bb5"),
    0.015,
)
_MORNING = (
    f"gradients=s=180x320:r={RATE}:n=5:c0=0xff9a8b:c1=0xff6a88:c2=0x845ec2:c3=0x2c73d2:c4=0x00c9a7:type=radial:"
    f"speed=0.012:seed=4,gblur=sigma=6,{_SMOOTH}"
)
_FALL = _mandelbrot(-0.743644, 0.131826, 0.12, 0.0012, 260, "inferno")
_DEEPER = _mandelbrot(-0.7453, 0.1127, 0.02, 0.00006, 300, "viridis")
_CONWAY = _life("60x106", 12, "B3/S23", ("7cffcb", "0b1d3a", "14406f"), 7)
_HIGH_LIFE = _life("45x80", 16, "B36/S23", ("ffd166", "2b0f1e", "7a2257"), 19)
_SEA = "128+60*sin(Y/11+1.6*sin(X/17+T*0.9)+T*1.1)+55*sin(X/23-Y/37-T*0.7)"

SCENES = (
    Scene("Mandelbrot", _FALL, (110, 164.8, 220), (440, 659.3, 554.4, 880)),
    Scene("Slow colours", _MORNING, (130.8, 196, 329.6, 493.9)),
    Scene("Life", _CONWAY, (98, 146.8), (392, 493.9, 587.3, 784)),
    Scene("Sierpinski", _TRIANGLES, (123.5, 185), (370, 493.9, 370, 740)),
    Scene("Waves", _waves(_SEA, "blues"), (87.3, 130.8, 220, 329.6)),
    Scene("Rule 110", _RULE_110, (103.8, 155.6), (415.3, 622.3, 830.6, 622.3)),
    Scene("Lost signal", _RINGS, (92.5, 138.6, 277.2), (554.4, 277.2, 740, 277.2)),
    Scene("Test card", _TEST_CARD, (220, 221.5, 440)),
    Scene("Sunset", _SUNSET, (98, 146.8, 246.9, 370)),
    Scene("Deeper", _DEEPER, (116.5, 174.6), (466.2, 698.5, 587.3, 932.3)),
    Scene("Three rules", _HIGH_LIFE, (110, 165), (440, 550, 660, 550)),
    Scene("Moody bars", _MOODY_BARS, (130.8, 155.6, 196, 311.1)),
)


def picture_graph(scene: Scene) -> str:
    """The whole filter graph: the scene and, fading in and out over it, the title (input 0, RGBA), as `[picture]`."""
    title = f"[0:v]format=rgba,fade=in:st=0.3:d=0.5:alpha=1,fade=out:st={TITLE_S - 0.8}:d=0.7:alpha=1[title]"
    joined = "[scene][title]overlay=0:H*0.16:eof_action=pass,format=yuv420p[picture]"
    return f"{scene.picture},setsar=1,format=yuv420p[scene];{title};{joined}"


def sound_source(scene: Scene, seconds: float) -> str:
    """An `aevalsrc` description: a breathing stereo pad and, where the scene has steps, a plucked figure."""
    left, right = (_pad(scene.chord, phase) for phase in (0.0, 1.7))
    pluck = _pluck(scene.steps)
    source = f"aevalsrc=exprs='{left}{pluck}|{right}{pluck}':s=32000:d={seconds}"
    end = max(0.0, seconds - 0.6)
    return f"{source},aecho=0.8:0.5:260:0.35,afade=t=in:d=0.4,afade=t=out:st={end}:d=0.6"


def _pad(chord: tuple[float, ...], phase: float) -> str:
    gain = 0.32 / len(chord)
    return "+".join(
        f"{gain:.3f}*sin({6.28318 * pitch:.3f}*t)*(0.6+0.4*sin({0.9 + 0.23 * place:.2f}*t+{phase + place}))"
        for place, pitch in enumerate(chord)
    )


def _pluck(steps: tuple[float, ...]) -> str:
    if not steps:
        return ""
    pitch = "0"
    for place, step in reversed(list(enumerate(steps))):
        pitch = f"if(lt(mod(4*t,{len(steps)}),{place + 1}),{6.28318 * step:.2f},{pitch})"
    return f"+0.14*sin({pitch}*t)*exp(-9*mod(t,0.25))"
