"""Bad and hostile files that call themselves clips, rendered at their first use."""

from __future__ import annotations

import random
from pathlib import Path

from tests.packager.good_clips import H264, picture
from tests.packager.rare_clips import RareClips

FTYP = b"\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom"


class HostileClips(RareClips):
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
        self.run(*picture("64x64", "10", 1), *sound, "-map", "0:v", *maps, *H264, path)

    def _ribbon(self, path: Path) -> None:
        self.run("-f", "lavfi", "-i", "color=blue:s=1024x64:r=10:d=1", *H264, path)

    def _random(self, path: Path) -> None:
        path.write_bytes(random.Random(7).randbytes(200_000))

    def _svg(self, path: Path) -> None:
        path.write_text("<svg xmlns='http://www.w3.org/2000/svg' width='9000' height='9000'><rect/></svg>")

    def _network_playlist(self, path: Path) -> None:
        path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:5,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")

    def _concat_protocol(self, path: Path) -> None:
        path.write_text("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nconcat:file:///etc/passwd|/etc/hostname\n")

    def _matroska(self, path: Path) -> None:
        self.run(*picture("360x640", "25", 1), *H264, "-f", "matroska", path)

    def _still(self, path: Path) -> None:
        """A picture in the box structure of AVIF."""
        self.run(
            *picture("320x320", "1", 1), "-frames:v", "1", "-c:v", "libaom-av1", "-cpu-used", "8", "-f", "avif", path
        )

    def _external_reference(self, path: Path) -> None:
        """Its samples are said to be in another file (`dref`, ISO 14496-12 section 8.7.2), which is not followed: what
        is shown are its own bytes."""
        data = bytearray(self("header_in_front").read_bytes())
        place = data.index(b"url ", data.index(b"dref"))
        # The entry says 1, "in this file"; with 0 it would be followed by a name, which the next box now gives.
        data[place + 4 : place + 8] = bytes(4)
        path.write_bytes(data)

    def _boxes_without_end(self, path: Path) -> None:
        """A thousand boxes within each other, each of the size of all."""
        path.write_bytes(FTYP + b"".join((8 * (1000 - n)).to_bytes(4, "big") + b"moov" for n in range(1000)))

    def _giant_table(self, path: Path) -> None:
        """A sample table of four billion entries in a few kilobytes."""
        data = bytearray(self("header_in_front").read_bytes())
        for box in (b"stsz", b"stts", b"stco"):
            place = data.index(box)
            count = place + (12 if box == b"stsz" else 8)
            data[count : count + 4] = b"\xff" * 4
        path.write_bytes(data)

    def _lying_duration(self, path: Path) -> None:
        """Two seconds that say they were an hour; what is in the file counts."""
        data = bytearray(self("silent").read_bytes())
        for box, shift in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 24)):
            place = data.index(box) + 4 + shift
            data[place : place + 4] = (10**8).to_bytes(4, "big")
        path.write_bytes(data)

    def _zero_scale(self, path: Path) -> None:
        """A time scale that would be divided by."""
        data = bytearray(self("silent").read_bytes())
        for box in (b"mvhd", b"mdhd"):
            place = data.index(box) + 16
            data[place : place + 4] = bytes(4)
        path.write_bytes(data)

    def _only_cover(self, path: Path) -> None:
        cover = path.with_name("only_cover.jpg")
        self.run(*picture("64x64", "1", 1), "-frames:v", "1", cover)
        sound = ["-f", "lavfi", "-i", "sine=d=1"]
        maps = ["-map", "0", "-map", "1", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic", "-c:a", "aac"]
        self.run("-i", cover, *sound, *maps, path)

    def _old_codec(self, path: Path) -> None:
        self.run(*picture("320x240", "10", 1), "-c:v", "cinepak", "-frames:v", "3", "-f", "mov", path)

    def _wild_timestamps(self, path: Path) -> None:
        """The second half begins an hour later."""
        first = ["-f", "lavfi", "-i", "testsrc2=s=360x640:r=25:d=1"]
        jump = "setpts='if(gte(N,12),N/25/TB+3600/TB,N/25/TB)'"
        self.run(*first, "-vf", jump, "-fps_mode", "vfr", *H264, path)

    def _flipped(self, path: Path, seed: int) -> None:
        """A hundred bytes of a small clip, header included, are others."""
        data, chance = bytearray(self("silent").read_bytes()), random.Random(seed)
        header = data.index(b"moov")
        for _ in range(50):
            data[chance.randrange(header, len(data))] ^= 1 << chance.randrange(8)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)

    def _flipped_1(self, path: Path) -> None:
        self._flipped(path, 1)

    def _flipped_2(self, path: Path) -> None:
        self._flipped(path, 2)

    def _flipped_3(self, path: Path) -> None:
        self._flipped(path, 3)

    def _cut_at(self, path: Path, share: float, source: str = "header_in_front") -> None:
        data = self(source).read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    def _cut_in_its_header(self, path: Path) -> None:
        data = self("header_in_front").read_bytes()
        path.write_bytes(data[: data.index(b"stsz")])

    def _cut_at_half(self, path: Path) -> None:
        self._cut_at(path, 0.5)

    def _cut_before_its_end(self, path: Path) -> None:
        self._cut_at(path, 0.9)

    def _cut_in_fragments(self, path: Path) -> None:
        """No table in front says what is missing."""
        self._cut_at(path, 0.7, "fragmented")

    def _dash_manifest(self, path: Path) -> None:
        text = "<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period><BaseURL>file:///etc/passwd</BaseURL></Period></MPD>"
        path.write_text(text)

    def _encrypted(self, path: Path) -> None:
        key = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "00" * 16, "-encryption_kid", "11" * 16]
        self.run("-i", self("header_in_front"), "-c", "copy", *key, path)

    def _no_samples(self, path: Path) -> None:
        """A track whose tables are empty."""
        data = bytearray(self("header_in_front").read_bytes())
        for box, shift in ((b"stsz", 12), (b"stts", 8), (b"stco", 8), (b"stsc", 8)):
            place = data.index(box) + shift
            data[place : place + 4] = bytes(4)
        path.write_bytes(data)

    def _million_boxes(self, path: Path) -> None:
        path.write_bytes(FTYP + b"\x00\x00\x00\x08free" * 1_000_000)

    def _box_of_all_bytes(self, path: Path) -> None:
        """A size of 64 bits that would wrap around."""
        path.write_bytes(FTYP + b"\x00\x00\x00\x01moov" + b"\xff" * 8 + bytes(64))

    def _box_without_size(self, path: Path) -> None:
        """A box within the header that says it reaches to the end of the file, as all within it do."""
        data = bytearray(self("header_in_front").read_bytes())
        for box in (b"trak", b"mdia", b"minf", b"stbl"):
            place = data.index(box)
            data[place - 4 : place] = bytes(4)
        path.write_bytes(data)

    def _repeated_by_edits(self, path: Path) -> None:
        """An edit list that shows the same second a hundred thousand times."""
        self._with_edits(path, 100_000)

    def _repeated_ninety_times(self, path: Path) -> None:
        self._with_edits(path, 90)

    def _with_edits(self, path: Path, count: int) -> None:
        data = self("header_in_front").read_bytes()
        scale = int.from_bytes(data[(place := data.index(b"mvhd") + 16) : place + 4], "big")
        entry = scale.to_bytes(4, "big") + bytes(4) + b"\x00\x01\x00\x00"
        body = bytes(4) + count.to_bytes(4, "big") + entry * count
        elst = (8 + len(body)).to_bytes(4, "big") + b"elst" + body
        edts = (8 + len(elst)).to_bytes(4, "big") + b"edts" + elst
        start = data.index(b"edts") - 4
        old = int.from_bytes(data[start : start + 4], "big")
        grown = bytearray(data[:start] + edts + data[start + old :])
        more = len(edts) - old
        for box in (b"moov", b"trak"):
            place = grown.index(box) - 4
            grown[place : place + 4] = (int.from_bytes(grown[place : place + 4], "big") + more).to_bytes(4, "big")
        place = grown.index(b"stco") + 8
        chunks = int.from_bytes(grown[place : place + 4], "big")
        for at in range(place + 4, place + 4 + 4 * chunks, 4):
            grown[at : at + 4] = (int.from_bytes(grown[at : at + 4], "big") + more).to_bytes(4, "big")
        path.write_bytes(grown)
