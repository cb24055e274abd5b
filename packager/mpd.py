"""What Shaka Packager leaves out of an MPD. Rules file: text in, text out.

Written into its text rather than built anew, so that everything it measured stays as it is. ISO 23009-1 and the
DASH-IF interoperability points (section 6.2.6 for thumbnails).
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from packager.storyboard import Storyboard
from packager.timeline import SEGMENT_S

MAIN_ROLE = '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>'
THUMBNAILS = "http://dashif.org/guidelines/thumbnail_tile"


def with_video_role(text: str) -> str:
    """The pictures are the main ones, and every segment begins with a picture that decodes by itself.

    A role stands behind the properties of its adaptation set and before the representations (ISO 23009-1 section
    5.3.3.2).
    """
    opened, mark, inside = text.partition('contentType="video"')
    described, first, representations = inside.partition("<Representation")
    if not first:
        return text
    return f'{opened}{mark} startWithSAP="1"{described}{MAIN_ROLE}\n      {first}{representations}'


def with_thumbnails(text: str, board: Storyboard, image: str, size_bytes: int) -> str:
    """The storyboard as an adaptation set of one picture of tiles.

    A tile of an MPD has no time of its own: all last as long. Segments that are numbered are counted from the period's
    start, whatever the `presentationTimeOffset` (ISO 23009-1 section 5.3.9.5.3), so there is none.
    """
    if not board.even:
        return text
    tiles = board.columns * board.rows
    lasting = tiles * SEGMENT_S
    width, height = board.columns * board.tile_width, board.rows * board.tile_height
    template = f'<SegmentTemplate media={quoteattr(image)} timescale="1" duration="{lasting}" startNumber="1"/>'
    thumbnails = f"""  <AdaptationSet contentType="image" mimeType="image/jpeg">
      <Representation id="thumbnails" bandwidth="{8 * size_bytes // lasting + 1}" width="{width}" height="{height}">
        <EssentialProperty schemeIdUri="{THUMBNAILS}" value="{board.columns}x{board.rows}"/>
        {template}
      </Representation>
    </AdaptationSet>
  </Period>"""
    return text.replace("</Period>", thumbnails)
