"""A timeline as an ELAN annotation document (.eaf, format 3.0): https://www.mpi.nl/tools/elan/EAFv3.0.xsd."""

from __future__ import annotations

import mimetypes
from datetime import datetime
from urllib.parse import quote
from xml.etree import ElementTree as xml

from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline
from emorec.output.text import media_name
from emorec.output.tiers import Tier, tiers

SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
LANGUAGE = "http://cdb.iso.org/lg/CDB-00138502-001"  # ELAN's definition of "undetermined"
EMOTION, CONFIDENCE = "emotion", "confidence"  # types of tiers
WAV = "audio/x-wav"
CONSTRAINT = "Symbolic_Association"  # one child for each annotation of the parent tier


def eaf_text(timeline: Timeline) -> str:
    """A tier for each person and modality with the dominant emotions, and below each a tier with the confidence.

    Times are in whole milliseconds. The emotions are a controlled vocabulary. The recording is linked by its name, so
    ELAN finds it beside the document.
    """
    root = xml.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "emorec",
            "DATE": datetime.now().astimezone().isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": SCHEMA_INSTANCE,
            "xsi:noNamespaceSchemaLocation": SCHEMA,
        },
    )
    header = xml.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if name := media_name(timeline):
        link = f"./{quote(name)}"
        kind = _mime_type(name, bool(timeline.media.get("has_video", True)))
        xml.SubElement(header, "MEDIA_DESCRIPTOR", MEDIA_URL=link, MIME_TYPE=kind, RELATIVE_MEDIA_URL=link)
    order = xml.SubElement(root, "TIME_ORDER")
    last = _add_tiers(root, tiers(timeline), order)
    xml.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(last)
    _add_types(root)
    xml.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, "unicode") + "\n"


def _mime_type(name: str, has_video: bool) -> str:
    """The type of a recording as ELAN names it, which chooses the player and the waveform by it."""
    if name.lower().endswith(".wav"):
        return WAV  # systems and versions of Python name it differently
    # A system may know the ending as that of something else: of a translation, for the MPEG transport stream ".ts".
    guessed = mimetypes.guess_type(name)[0] or ""
    return guessed if guessed.startswith(("video/", "audio/")) else "video/*" if has_video else "audio/*"


def _add_tiers(root: xml.Element, added: list[Tier], order: xml.Element) -> int:
    """Add tiers to the document and their times to ``order``; return the number of the last annotation."""
    times = sorted({time for tier in added for run in tier.runs for time in run.milliseconds})
    slots = {time: f"ts{number}" for number, time in enumerate(times, 1)}
    for time, slot in slots.items():
        xml.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time))
    number = 0
    for tier in added:
        attributes = {"TIER_ID": tier.name, "LINGUISTIC_TYPE_REF": EMOTION, "ANNOTATOR": "emorec"}
        participant = {"PARTICIPANT": tier.person} if tier.person else {}
        labels = xml.SubElement(root, "TIER", attributes | participant)
        attributes |= {
            "TIER_ID": f"{tier.name} {CONFIDENCE}",
            "LINGUISTIC_TYPE_REF": CONFIDENCE,
            "PARENT_REF": tier.name,
        }
        confidences = xml.SubElement(root, "TIER", attributes | participant)
        for run in tier.runs:
            start, end = (slots[time] for time in run.milliseconds)
            label, confidence = f"a{number + 1}", f"a{number + 2}"
            number += 2
            aligned = xml.SubElement(
                xml.SubElement(labels, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                ANNOTATION_ID=label,
                TIME_SLOT_REF1=start,
                TIME_SLOT_REF2=end,
            )
            xml.SubElement(aligned, "ANNOTATION_VALUE").text = run.emotion
            child = xml.SubElement(
                xml.SubElement(confidences, "ANNOTATION"),
                "REF_ANNOTATION",
                ANNOTATION_ID=confidence,
                ANNOTATION_REF=label,
            )
            xml.SubElement(child, "ANNOTATION_VALUE").text = run.shown_confidence
    return number


def _add_types(root: xml.Element) -> None:
    """Add the types of tiers, and the controlled vocabulary."""
    attributes = {"LINGUISTIC_TYPE_ID": EMOTION, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    xml.SubElement(root, "LINGUISTIC_TYPE", attributes | {"CONTROLLED_VOCABULARY_REF": EMOTION})
    attributes |= {"LINGUISTIC_TYPE_ID": CONFIDENCE, "TIME_ALIGNABLE": "false", "CONSTRAINTS": CONSTRAINT}
    xml.SubElement(root, "LINGUISTIC_TYPE", attributes)
    xml.SubElement(root, "LANGUAGE", LANG_DEF=LANGUAGE, LANG_ID="und", LANG_LABEL="undetermined (und)")
    about = "1-1 association with a parent annotation"
    xml.SubElement(root, "CONSTRAINT", STEREOTYPE=CONSTRAINT, DESCRIPTION=about)
    words = xml.SubElement(root, "CONTROLLED_VOCABULARY", CV_ID=EMOTION)
    xml.SubElement(words, "DESCRIPTION", LANG_REF="und").text = "the seven emotions of emorec"
    for emotion in EMOTIONS:
        entry = xml.SubElement(words, "CV_ENTRY_ML", CVE_ID=f"cve_{emotion}")
        xml.SubElement(entry, "CVE_VALUE", LANG_REF="und").text = emotion
