"""A timeline as EmotionML 1.0, a W3C recommendation: https://www.w3.org/TR/emotionml/."""

from __future__ import annotations

from urllib.parse import quote
from xml.etree import ElementTree as xml

from emorec.affect import DIMENSIONS
from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline
from emorec.output.text import media_name
from emorec.output.tiers import FUSED, Run, Tier, tiers

NAMESPACE = "http://www.w3.org/2009/10/emotionml"
OWN = "urn:emorec"  # namespace of the name of a person, because EmotionML has no element for it
CATEGORIES, AFFECT = "emotions", "affect"  # ids of the vocabularies
BOTH = "face voice"  # the modalities of a fusion of the two


def emotionml_text(timeline: Timeline) -> str:
    """One ``emotion`` for each run of the dominant emotion, of every person and modality.

    Times are in milliseconds from the start of the recording: ``offset-to-start`` and ``duration``, because ``start``
    and ``end`` are times of the calendar in EmotionML. The confidence belongs to the category; valence and arousal are
    dimensions from 0 to 1, so 0.5 is the middle.
    """
    root = xml.Element("emotionml", {"version": "1.0", "xmlns": NAMESPACE, "xmlns:emorec": OWN})
    root.attrib |= {"category-set": f"#{CATEGORIES}", "dimension-set": f"#{AFFECT}"}
    for kind, name, items in (("category", CATEGORIES, EMOTIONS), ("dimension", AFFECT, DIMENSIONS)):
        vocabulary = xml.SubElement(root, "vocabulary", type=kind, id=name)
        for item in items:
            xml.SubElement(vocabulary, "item", name=item)
    file = quote(media_name(timeline)) or "recording"
    fused = timeline.fusion if timeline.fusion in ("face", "voice") else BOTH
    for tier in tiers(timeline):
        modalities = fused if tier.modality == FUSED else tier.modality
        for run in tier.runs:
            _add_emotion(root, tier, run, file, modalities)
    xml.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, "unicode") + "\n"


def _add_emotion(root: xml.Element, tier: Tier, run: Run, file: str, modalities: str) -> None:
    """Add the element of a run; ``file`` is the URL of the recording, ``modalities`` are those of EmotionML."""
    start, end = run.milliseconds
    emotion = xml.SubElement(
        root,
        "emotion",
        {
            "time-ref-uri": file,
            "time-ref-anchor-point": "start",
            "offset-to-start": str(start),
            "duration": str(end - start),
            "expressed-through": modalities,
        },
    )
    about = {"name": tier.person} if tier.person else {}
    info = xml.SubElement(emotion, "info")
    xml.SubElement(info, "emorec:track", about | {"modality": tier.modality})
    xml.SubElement(emotion, "category", name=run.emotion, confidence=run.shown_confidence)
    for name, value in zip(DIMENSIONS, (run.valence, run.arousal), strict=True):
        xml.SubElement(emotion, "dimension", name=name, value=f"{(value + 1) / 2:.6f}")
    xml.SubElement(emotion, "reference", uri=f"{file}#t={start / 1000:.3f},{end / 1000:.3f}", role="expressedBy")
