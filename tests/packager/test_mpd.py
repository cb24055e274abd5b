"""What is written into Shaka Packager's MPD keeps it an MPD."""

from __future__ import annotations

from fractions import Fraction

import pytest
from lxml import etree

from packager.mpd import MAIN_ROLE, with_thumbnails, with_video_role
from packager.storyboard import plan_storyboard
from tests.packager.mpd_rules import NAMESPACE, breaches

HDR = '<SupplementalProperty schemeIdUri="urn:mpeg:mpegB:cicp:TransferCharacteristics" value="1"/>'
MPD = f"""<?xml version="1.0" encoding="UTF-8"?>
<!--Generated-->
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="x" minBufferTime="PT2S" type="static">
  <Period id="0">
    <AdaptationSet id="0" contentType="video" maxWidth="360" par="9:16">
      {HDR}
      <Representation id="0" bandwidth="1" codecs="avc1.64001e" mimeType="video/mp4">
        <SegmentTemplate timescale="1" media="v/$Number$.m4s"><SegmentTimeline><S t="0" d="1"/></SegmentTimeline></SegmentTemplate>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>
"""  # noqa: E501


def parsed(text: str) -> etree._Element:
    return etree.fromstring(text.encode())


@pytest.mark.parametrize("text", [MPD, MPD.replace(HDR, "")])
def test_the_pictures_role_stands_where_the_schema_wants_it(text: str) -> None:
    root = parsed(with_video_role(text))
    assert breaches(root) == []
    (pictures,) = root.iter(f"{NAMESPACE}AdaptationSet")
    assert pictures.get("startWithSAP") == "1"
    assert [role.get("value") for role in pictures.iter(f"{NAMESPACE}Role")] == ["main"]


def test_an_mpd_of_sound_alone_is_left_as_it_is() -> None:
    text = MPD.replace("video", "audio")
    assert with_video_role(text) == text


def test_thumbnails_are_an_adaptation_set_of_their_own() -> None:
    board = plan_storyboard([Fraction(0), Fraction(1), Fraction(3)], Fraction(4), 360, 640)
    root = parsed(with_thumbnails(with_video_role(MPD), board, "story-1/a&b.jpg", 900))
    assert breaches(root) == []
    (shown,) = root.iterfind(f".//{NAMESPACE}AdaptationSet[@contentType='image']/{NAMESPACE}Representation")
    assert shown.find(f"{NAMESPACE}SegmentTemplate").get("media") == "story-1/a&b.jpg"


def test_segments_of_irregular_length_have_no_thumbnails_in_the_mpd() -> None:
    board = plan_storyboard([Fraction(0), Fraction(1, 2), Fraction(5)], Fraction(8), 360, 640)
    assert with_thumbnails(MPD, board, "story-1/storyboard.jpg", 900) == MPD


@pytest.mark.parametrize(
    ("spoiled", "breach"),
    [
        (MPD.replace("      <Rep", f"      {MAIN_ROLE}{HDR}<Rep", 1), "wrong order"),
        (MPD.replace(' minBufferTime="PT2S"', ""), "lacks minBufferTime"),
        (MPD.replace(' bandwidth="1"', ""), "lacks bandwidth"),
        (MPD.replace("<Period", "<Peroid").replace("</Period", "</Peroid"), "not known"),
        (MPD.replace('timescale="1"', 'timescale="1" duration="2"'), "one of the two"),
        (MPD.replace("codecs=", "codec="), "no attribute codec"),
    ],
)
def test_the_rules_that_mpds_are_judged_by_find_what_is_wrong(spoiled: str, breach: str) -> None:
    assert any(breach in each for each in breaches(parsed(spoiled)))
