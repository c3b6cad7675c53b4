"""Annotations of ELAN: EAF files, the XML format of the Max Planck Institute for Psycholinguistics."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np

from emorec.annotation.record import Annotation
from emorec.annotation.times import WrongFormat


def read(content: bytes) -> list[Annotation]:
    """The annotations of every tier; an annotation that refers to another one gets the time of that one.

    ``person`` is the participant of the tier. Times that the file leaves out are spread evenly, as ELAN draws them.
    Raises WrongFormat.
    """
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise WrongFormat(f"it is not XML ({error})") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise WrongFormat("it is not an annotation document of ELAN")
    try:
        return _annotations(root)
    except KeyError as error:
        raise WrongFormat(f"it lacks {error.args[0]!r}") from None
    except ValueError as error:
        raise WrongFormat(str(error)) from None


def _annotations(root: ElementTree.Element) -> list[Annotation]:
    """The annotations of a document. Raises KeyError or ValueError if it is not valid."""
    times = _slot_times(root)
    spans = {
        each.attrib["ANNOTATION_ID"]: (times[each.attrib["TIME_SLOT_REF1"]], times[each.attrib["TIME_SLOT_REF2"]])
        for each in root.iter("ALIGNABLE_ANNOTATION")
    }
    references = {each.attrib["ANNOTATION_ID"]: each.attrib["ANNOTATION_REF"] for each in root.iter("REF_ANNOTATION")}
    annotations = []
    for tier in root.findall("TIER"):
        name, person = tier.get("TIER_ID", ""), tier.get("PARTICIPANT", "").strip()
        for each in (*tier.iter("ALIGNABLE_ANNOTATION"), *tier.iter("REF_ANNOTATION")):
            start, end = spans[_resolve_reference(each.attrib["ANNOTATION_ID"], references)]
            text = (each.findtext("ANNOTATION_VALUE") or "").strip()
            annotations.append(Annotation(start, max(start, end), text, name, person))
    return annotations


def _slot_times(root: ElementTree.Element) -> dict[str, float]:
    """The time (s) of every time slot by its name."""
    names, known, values = [], [-1], [0.0]  # slots before the first known time are spread from 0 s on
    for index, slot in enumerate(root.iter("TIME_SLOT")):
        names.append(slot.attrib["TIME_SLOT_ID"])
        given = slot.get("TIME_VALUE")
        if given is not None:
            known.append(index)
            values.append(int(given) / 1000)
    return dict(zip(names, np.interp(range(len(names)), known, values).tolist(), strict=True))


def _resolve_reference(name: str, references: dict[str, str]) -> str:
    """The annotation with a time of its own that the annotation ``name`` refers to, directly or through others.

    ``references`` is shortened to lead there directly, so that a long chain of references is followed only once.
    Raises ValueError for a circle of references.
    """
    passed = set[str]()
    while name in references:
        if name in passed:
            raise ValueError(f"its annotation {name!r} refers to itself")
        passed.add(name)
        name = references[name]
    references.update(dict.fromkeys(passed, name))
    return name
