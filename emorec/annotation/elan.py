"""Annotations of ELAN, a tier each (EAF, the XML of the Max Planck Institute for Psycholinguistics)."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from emorec.annotation.record import Annotation
from emorec.annotation.times import NotThatFormat


def read(content: bytes) -> list[Annotation]:
    """The annotations of every tier; those that refer to another one have its time.

    ``person`` is the participant of the tier. Times that ELAN leaves open are filled in evenly, as ELAN draws them.
    Raises NotThatFormat.
    """
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise NotThatFormat(f"it is not XML ({error})") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise NotThatFormat("it is not an annotation document of ELAN")
    try:
        times = _times(root)
        spans: dict[str, tuple[float, float]] = {}
        refers: dict[str, str] = {}
        for each in root.iter("ALIGNABLE_ANNOTATION"):
            spans[each.attrib["ANNOTATION_ID"]] = (
                times[each.attrib["TIME_SLOT_REF1"]],
                times[each.attrib["TIME_SLOT_REF2"]],
            )
        for each in root.iter("REF_ANNOTATION"):
            refers[each.attrib["ANNOTATION_ID"]] = each.attrib["ANNOTATION_REF"]
        found = []
        for tier in root.findall("TIER"):
            name, person = tier.get("TIER_ID", ""), tier.get("PARTICIPANT", "").strip()
            for each in (*tier.iter("ALIGNABLE_ANNOTATION"), *tier.iter("REF_ANNOTATION")):
                start, end = spans[_aligned(each.attrib["ANNOTATION_ID"], refers)]
                text = (each.findtext("ANNOTATION_VALUE") or "").strip()
                found.append(Annotation(start, max(start, end), text, name, person))
        return found
    except KeyError as error:
        raise NotThatFormat(f"it lacks {error.args[0]!r}") from None
    except ValueError as error:
        raise NotThatFormat(str(error)) from None


def _times(root: ElementTree.Element) -> dict[str, float]:
    """The time (s) of every slot."""
    names, known, values = [], [-1], [0.0]  # slots before the first known one are spread from 0
    for index, slot in enumerate(root.iter("TIME_SLOT")):
        names.append(slot.attrib["TIME_SLOT_ID"])
        given = slot.get("TIME_VALUE")
        if given is not None:
            known.append(index)
            values.append(int(given) / 1000)
    return dict(zip(names, np.interp(range(len(names)), known, values).tolist(), strict=True))


def _aligned(name: str, refers: dict[str, str]) -> str:
    """The annotation with a time that another one leads to.

    ``refers`` then leads there at once, so that a long row of references is walked only once.
    """
    passed = set[str]()
    while name in refers:
        if name in passed:
            raise ValueError(f"its annotation {name!r} refers to itself")
        passed.add(name)
        name = refers[name]
    refers.update(dict.fromkeys(passed, name))
    return name
