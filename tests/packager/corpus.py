"""Every good and hostile input, and what is to become of it. `python -m tests.packager.corpus FOLDER` writes them."""

from __future__ import annotations

import sys
from pathlib import Path

from packager.settings import PackagerSettings
from packager.tools import find_tools
from tests.packager.hostile_clips import HostileClips

PUBLISHED: dict[str, tuple[str, ...]] = {
    "bbb": ("v720", "v540", "v360"),
    "muted": ("v720", "v540", "v360"),
    "rotated": ("v1080", "v720", "v540", "v360"),
    "upright": ("v720", "v540", "v360"),
    "lively": ("v720", "v540", "v360"),
    "silent": ("v360",),
    "short": ("v360",),
    "ntsc": ("v360",),
    "sixty": ("v360",),
    "odd": ("v360",),
    "wide_pixels": ("v540", "v360"),
    "hlg": ("v360",),
    "variable_rate": ("v360",),
    "sync": ("v360",),
    "calm": ("v360",),
    "growing": ("v540", "v360"),
    "corners_709": ("v360",),
    "corners_601": ("v360",),
    "corners_2020": ("v360",),
    "corners_full": ("v360",),
    "corners_unmarked": ("v360",),
    "turned_90": ("v360",),
    "turned_180": ("v360",),
    "turned_270": ("v360",),
    "hlg_white": ("v360",),
    "pq_white": ("v360",),
    "cut_by_edit_list": ("v360",),
    "with_position": ("v360",),
    "sound_mono": ("v64",),
    "sound_surround": ("v64",),
    "sound_quiet": ("v64",),
    "sound_loud": ("v64",),
    "sound_silence": ("v64",),
    "interlaced": ("v540", "v360"),
    "one_frame": ("v360",),
    "fragmented": ("v360",),
    "header_in_front": ("v360",),
    "prores": ("v360",),
    "motion_jpeg": ("v360",),
    "av1_opus": ("v360",),
    "vp9": ("v360",),
    "slow_motion": ("v320",),
    "with_cover_and_data": ("v360",),
    "late_sound": ("v360",),
    "smallest": ("v32",),
    "external_reference": ("v360",),
    "lying_duration": ("v360",),
    "mirrored": ("v360",),
    "mirrored_90": ("v360",),
    "upside_down": ("v360",),
    "french": ("v360",),
    "two_videos": ("v360",),
    "with_timecode": ("v360",),
    "with_subtitles": ("v360",),
    "with_script": ("v360",),
    "with_archive_behind": ("v360",),
    "grey": ("v360",),
    "rgb": ("v360",),
    "transparent": ("v360",),
    "ten_bit_422": ("v360",),
    "sound_of_seven_and_one": ("v360",),
    "sound_of_a_telephone": ("v360",),
    "sound_as_mp3": ("v360",),
    "two_pictures_in_five_seconds": ("v360",),
    "late_picture": ("v360",),
    "screen": ("v360",),
    "open_gop": ("v360",),
    "open_gop_of_a_second": ("v360",),
    "refreshed_bit_by_bit": ("v360",),
    "box_without_size": ("v360",),
}
"""Name → its rungs."""

REFUSED: dict[str, str] = {
    "audio_only": "no_video_track",
    "only_cover": "no_video_track",
    "truncated": "truncated",
    "headless": "truncated",
    "damaged": "truncated",
    "disguised": "truncated",
    "boxes_without_end": "not_a_video",
    "text": "not_a_video",
    "random": "not_a_video",
    "empty": "not_a_video",
    "svg": "not_a_video",
    "ffconcat": "not_a_video",
    "playlist": "not_a_video",
    "network_playlist": "not_a_video",
    "concat_protocol": "not_a_video",
    "matroska": "not_a_video",
    "still": "not_a_video",
    "old_codec": "unsupported_codec",
    "giant_table": "not_a_video",
    "zero_scale": "too_long",
    "wild_timestamps": "too_long",
    "long": "too_long",
    "thousand_fps": "frame_rate_too_high",
    "ribbon": "unsupported_shape",
    "huge_picture": "too_many_pixels",
    "many_tracks": "too_many_streams",
    "cut_in_its_header": "not_a_video",
    "cut_at_half": "truncated",
    "cut_before_its_end": "truncated",
    "cut_in_fragments": "truncated",
    "dash_manifest": "not_a_video",
    "encrypted": "truncated",
    "no_samples": "empty",
    "million_boxes": "truncated",
    "box_of_all_bytes": "truncated",
    "repeated_by_edits": "frame_rate_too_high",
    "repeated_ninety_times": "too_long",
    "flipped_1": "truncated",
    "flipped_2": "no_video_track",
    "flipped_3": "no_video_track",
}
"""Name → the code of its refusal."""


class ClipMaker(HostileClips):
    """Renders a named clip at its first use."""


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    maker = ClipMaker(folder, find_tools(PackagerSettings()).ffmpeg)
    for name in [*PUBLISHED, *REFUSED]:
        sys.stdout.write(f"{maker(name)}\n")


if __name__ == "__main__":
    main()
