"""Annotations in subtitles: SubRip (SRT) and WebVTT."""

from __future__ import annotations

import re

from emorec.annotation.record import Annotation
from emorec.annotation.times import LINE_END, NotThatFormat, seconds, text_of

TIMES = re.compile(r"\s*([\d:.,]+)\s*-->\s*([\d:.,]+)")
TAG = re.compile(r"<[^<>]*>")


def read(content: bytes) -> list[Annotation]:
    """One annotation per cue, its lines joined and without tags. Raises NotThatFormat."""
    found = []
    for block in re.split(r"\n\s*\n", LINE_END.sub("\n", text_of(content))):
        lines = block.strip().split("\n")
        first = next((index for index, line in enumerate(lines) if "-->" in line), None)
        if first is None:
            continue
        # The blank line between two cues may be missing; "-->" alone may also be a part of the text.
        places = [first, *(index for index in range(first + 1, len(lines)) if TIMES.match(lines[index]))]
        for place, after in zip(places, [*places[1:], None], strict=True):
            found.append(_cue(lines[place], lines[place + 1 : after], followed=after is not None))
    return found


def _cue(times: str, lines: list[str], followed: bool) -> Annotation:
    """A cue from the line with its times and the lines after it; ``followed`` by the next cue, whose number is last."""
    match = TIMES.match(times)
    start, end = (seconds(text) for text in match.groups()) if match else (None, None)
    if start is None or end is None:
        raise NotThatFormat(f"{times.strip()!r} is not the time of a cue")
    if followed and lines and lines[-1].strip().isdecimal():
        lines = lines[:-1]
    return Annotation(start, max(start, end), TAG.sub("", " ".join(line.strip() for line in lines)).strip())
