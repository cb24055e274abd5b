"""The grammar of ISO 23009-1 (its XML schema, fifth edition) for the elements that our MPDs are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lxml import etree

NAMESPACE = "{urn:mpeg:dash:schema:mpd:2011}"
_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_COMMON = ["width", "height", "sar", "frameRate", "audioSamplingRate", "mimeType", "codecs", "startWithSAP"]
_DESCRIPTOR = ["schemeIdUri", "value", "id"]
_PROPERTIES = ["AudioChannelConfiguration", "EssentialProperty", "SupplementalProperty", "Label"]


@dataclass(frozen=True, slots=True)
class Element:
    children: tuple[str, ...] = ()
    """In the order in which the schema wants them."""
    needed: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


def _element(children: str = "", needed: str = "", optional: str = "") -> Element:
    return Element(tuple(children.split()), frozenset(needed.split()), frozenset(optional.split()))


GRAMMAR = {
    "MPD": _element("Period", "profiles minBufferTime type", f"mediaPresentationDuration {_INSTANCE}"),
    "Period": _element("AdaptationSet", "", "id start duration"),
    "AdaptationSet": _element(
        " ".join([*_PROPERTIES, "Accessibility Role Representation"]),
        "contentType",
        " ".join(["id lang maxWidth maxHeight par segmentAlignment subsegmentAlignment", *_COMMON]),
    ),
    "Representation": _element(" ".join([*_PROPERTIES, "BaseURL SegmentTemplate"]), "id bandwidth", " ".join(_COMMON)),
    "SegmentTemplate": _element(
        "SegmentTimeline", "media timescale", "duration initialization presentationTimeOffset startNumber"
    ),
    "SegmentTimeline": _element("S"),
    "S": _element("", "d", "t r"),
    **{name: _element("", "schemeIdUri", "value id") for name in [*_PROPERTIES[:3], "Role", "Accessibility"]},
    "Label": _element("", "", "id lang"),
    "BaseURL": _element(),
}


def breaches(root: etree._Element) -> list[str]:
    """What in an MPD the standard does not allow, in words."""
    found = [breach for element in root.iter(etree.Element) for breach in _of_element(element)]
    for kind in ("AdaptationSet", "Representation"):
        ids = Counter(each.get("id") for each in root.iter(NAMESPACE + kind) if each.get("id") is not None)
        found += [f"two {kind}s have the id {name}" for name, count in ids.items() if count > 1]
    for template in root.iter(f"{NAMESPACE}SegmentTemplate"):
        if (template.get("duration") is None) == (template.find(f"{NAMESPACE}SegmentTimeline") is None):
            found.append("a SegmentTemplate has a duration or a SegmentTimeline, one of the two")
    return found


def _of_element(element: etree._Element) -> list[str]:
    name = element.tag.removeprefix(NAMESPACE)
    rule = GRAMMAR.get(name)
    if rule is None:
        return [f"{name} is not known"]
    told = set(element.keys())
    found = [f"{name} lacks {each}" for each in sorted(rule.needed - told)]
    found += [f"{name} has no attribute {each}" for each in sorted(told - rule.needed - rule.optional)]
    children = [child.tag.removeprefix(NAMESPACE) for child in element.iterchildren(etree.Element)]
    found += [f"{child} may not be in {name}" for child in children if child not in rule.children]
    places = [rule.children.index(child) for child in children if child in rule.children]
    if places != sorted(places):
        found.append(f"the children of {name} are in the wrong order: {children}")
    return found
