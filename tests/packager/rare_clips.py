"""Good clips that only few devices and editors write, and what clips may carry beside their pictures."""

from __future__ import annotations

from pathlib import Path

from tests.packager.good_clips import H264, GoodClips, picture

SMALL = ["-f", "lavfi", "-i", "testsrc2=s=360x640:r=25:d=1"]
SINE = ["-f", "lavfi", "-i", "sine=f=440:d=1"]


class RareClips(GoodClips):
    def _matrix(self, path: Path, source: Path, *matrix: int) -> None:
        """`source` with this display matrix, four numbers in place of 1 0 0 1 (ISO 14496-12 section 6.2.2)."""
        data = bytearray(source.read_bytes())
        place = data.index(b"tkhd") + 44
        for number, value in zip((0, 1, 3, 4), matrix, strict=True):
            data[place + 4 * number : place + 4 * number + 4] = (value << 16).to_bytes(4, "big", signed=True)
        path.write_bytes(data)

    def _mirrored(self, path: Path) -> None:
        """As a front camera writes it: left and right are exchanged when it is shown."""
        self._matrix(path, self("corners_709"), -1, 0, 0, 1)

    def _upside_down(self, path: Path) -> None:
        """To be shown with top and bottom exchanged; its pictures would fit as they are."""
        self._matrix(path, self("fits_360"), 1, 0, 0, -1)

    def _mirrored_90(self, path: Path) -> None:
        self._matrix(path, self("corners_709"), 0, 1, 1, 0)

    def _fits_360(self, path: Path) -> None:
        """White above, black below, and what the 360 rung would be."""
        halves = "color=white:s=360x640:r=30:d=2,drawbox=y=320:h=320:color=black:t=fill"
        rates = ["-b:v", "300k", "-maxrate", "400k", "-bufsize", "400k", "-g", "30", "-sc_threshold", "0"]
        tags = ["-x264-params", "colormatrix=bt709:colorprim=bt709:transfer=bt709"]
        options = ["-c:v", "libx264", "-preset", "superfast", "-pix_fmt", "yuv420p", *rates, *tags]
        self.run("-f", "lavfi", "-i", halves, *options, path)

    def _vp9(self, path: Path) -> None:
        self.run(*picture("360x640", "25", 1), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", path)

    def _french(self, path: Path) -> None:
        self.run(*SMALL, *SINE, *H264, "-metadata:s:a:0", "language=fra", path)

    def _two_videos(self, path: Path) -> None:
        second = ["-f", "lavfi", "-i", "color=red:s=640x360:r=25:d=1"]
        self.run(*SMALL, *second, "-map", "0", "-map", "1", *H264, path)

    def _with_timecode(self, path: Path) -> None:
        self.run(*SMALL, *SINE, *H264, "-timecode", "10:00:00:00", "-f", "mov", path)

    def _with_subtitles(self, path: Path) -> None:
        words = path.with_name("words.srt")
        words.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
        self.run(*SMALL, "-i", words, *H264, "-c:s", "mov_text", path)

    def _with_script(self, path: Path) -> None:
        """A page for browsers that guess, in a box that players skip."""
        words = b"<script>alert(document.cookie)</script>" * 20
        whole = self("header_in_front").read_bytes()
        path.write_bytes(whole + (8 + len(words)).to_bytes(4, "big") + b"free" + words)

    def _with_archive_behind(self, path: Path) -> None:
        """A ZIP file behind the clip, which is both."""
        path.write_bytes(self("header_in_front").read_bytes() + b"PK\x05\x06" + bytes(18) + b"PK\x03\x04" * 50_000)

    def _grey(self, path: Path) -> None:
        self.run(*SMALL, "-vf", "format=gray", "-c:v", "libx264", "-preset", "ultrafast", path)

    def _rgb(self, path: Path) -> None:
        self.run(*SMALL, "-c:v", "libx264rgb", "-preset", "ultrafast", path)

    def _transparent(self, path: Path) -> None:
        options = ["-vf", "format=yuva444p10le", "-c:v", "prores_ks", "-profile:v", "4444", "-f", "mov"]
        self.run(*SMALL, *options, path)

    def _ten_bit_422(self, path: Path) -> None:
        self.run(*SMALL, "-vf", "format=yuv422p10le", "-c:v", "libx264", "-preset", "ultrafast", path)

    def _sound_of_seven_and_one(self, path: Path) -> None:
        sound = ["-f", "lavfi", "-i", "anoisesrc=d=1:c=pink:a=0.3:seed=1,aformat=channel_layouts=7.1"]
        self.run(*SMALL, *sound, *H264, path)

    def _sound_of_a_telephone(self, path: Path) -> None:
        self.run(*SMALL, *SINE, *H264, "-ar", "8000", "-ac", "1", path)

    def _sound_as_mp3(self, path: Path) -> None:
        self.run(*SMALL, *SINE, *H264, "-c:a", "libmp3lame", path)

    def _two_pictures_in_five_seconds(self, path: Path) -> None:
        """A variable rate at its extreme."""
        slides = "setpts=N*5/TB"
        self.run("-f", "lavfi", "-i", "testsrc2=s=360x640:r=25:d=0.08", "-vf", slides, "-fps_mode", "vfr", *H264, path)

    def _late_picture(self, path: Path) -> None:
        """The picture begins a second after the sound."""
        self.run("-itsoffset", "1", *SMALL, "-f", "lavfi", "-i", "sine=f=440:d=2", *H264, path)

    def _screen(self, path: Path) -> None:
        """A screen recording: wide, 60 fps, full of detail."""
        self.run(*picture("640x360", "60", 1), *SINE, *H264, path)

    def _open_gop_of_a_second(self, path: Path) -> None:
        """So few keyframes that they would be sampled, but they come out of order."""
        source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=6"]
        options = ["-x264-params", "open-gop=1:keyint=30:bframes=3", "-c:v", "libx264", "-preset", "ultrafast"]
        self.run(*source, *options, "-pix_fmt", "yuv420p", path)

    def _refreshed_bit_by_bit(self, path: Path) -> None:
        """Entry points that are no whole pictures, but are marked as keyframes."""
        source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=6"]
        options = ["-x264-params", "intra-refresh=1:keyint=30", "-bf", "0", "-c:v", "libx264", "-preset", "ultrafast"]
        self.run(*source, *options, "-pix_fmt", "yuv420p", path)

    def _open_gop(self, path: Path) -> None:
        options = ["-x264-params", "open-gop=1:keyint=12:bframes=3", "-c:v", "libx264", "-preset", "veryfast"]
        self.run(*SMALL, *options, "-pix_fmt", "yuv420p", path)
