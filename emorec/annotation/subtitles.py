"""Annotations in subtitles: SubRip (SRT) and WebVTT."""

from __future__ import annotations

import re

from emorec.annotation.record import Annotation
from emorec.annotation.times import NotThatFormat, seconds, text_of

TIMES = re.compile(r"\s*([\d:.,]+)\s*-->\s*([\d:.,]+)")
TAG = re.compile(r"<[^<>]*>")


def read(content: bytes) -> list[Annotation]:
    """One annotation per cue, its lines joined and without tags. Raises NotThatFormat."""
    found = []
    for block in re.split(r"\n\s*\n", text_of(content).replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip().split("\n")
        place = next((index for index, line in enumerate(lines) if "-->" in line), None)
        if place is None:
            continue
        match = TIMES.match(lines[place])
        start, end = (seconds(text) for text in match.groups()) if match else (None, None)
        if start is None or end is None:
            raise NotThatFormat(f"{lines[place].strip()!r} is not the time of a cue")
        text = TAG.sub("", " ".join(line.strip() for line in lines[place + 1 :])).strip()
        found.append(Annotation(start, max(start, end), text))
    return found
