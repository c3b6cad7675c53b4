"""Annotations in subtitles: SubRip (SRT) and WebVTT."""

from __future__ import annotations

import re

from emorec.annotation.record import Annotation
from emorec.annotation.times import LINE_END, WrongFormat, decode_text, parse_seconds

TIMES = re.compile(r"\s*([\d:.,]+)\s*-->\s*([\d:.,]+)")
# A time on one side of the arrow. The repetitions are limited, because the search would else be slow in a long line.
TIME_AT_ARROW = re.compile(r":\d\d[\d.,]{0,9}\W{0,9}-->|-->\W{0,9}\d{1,9}:\d\d")
TAG = re.compile(r"<[^<>]*>")


def read(content: bytes) -> list[Annotation]:
    """One annotation per cue, with the lines of its text joined and without tags. Raises WrongFormat.

    A block without times is the text of the cue before it if that cue has no text yet; this is so in a file whose every
    second line is empty. Otherwise the block is left out: it may be a second paragraph, but also a note or a credit
    line, which would change the label.
    """
    cues = list[tuple[str, list[str]]]()  # of each cue the line with its times, and the lines of its text
    whole = LINE_END.sub("\n", decode_text(content))
    is_vtt = whole.lstrip().startswith("WEBVTT")
    for block in re.split(r"\n\s*\n", whole):
        lines = block.strip().split("\n")
        first = next((index for index in range(len(lines)) if _is_meant_as_times(lines, index, is_vtt)), None)
        if first is None:
            if cues and not is_vtt and not "".join(cues[-1][1]).strip() and not block.strip().isdecimal():
                cues[-1][1].extend(lines)
            continue
        # The blank line between two cues may be missing. A line with "-->" but without times belongs to the text.
        places = [first, *(index for index in range(first + 1, len(lines)) if TIMES.match(lines[index]))]
        for place, after in zip(places, [*places[1:], None], strict=True):
            text = lines[place + 1 : after]
            if after is not None and text and text[-1].strip().isdecimal():
                text.pop()  # the number of the next cue
            cues.append((lines[place], text))
    return [_cue(times, text) for times, text in cues]


def _is_meant_as_times(lines: list[str], index: int, is_vtt: bool) -> bool:
    """Whether a line of a block is meant as the times of its first cue, whether or not the times are valid.

    In SubRip, "-->" may also occur in text after a blank line. It counts as text unless it is below a number, begins
    with a digit, or has a time beside it.
    """
    if "-->" not in lines[index]:
        return False
    numbered = index > 0 and lines[index - 1].strip().isdecimal()
    return is_vtt or numbered or lines[index].strip()[:1].isdecimal() or bool(TIME_AT_ARROW.search(lines[index]))


def _cue(times: str, lines: list[str]) -> Annotation:
    """A cue from the line with its times and the lines of its text."""
    match = TIMES.match(times)
    start, end = (parse_seconds(text) for text in match.groups()) if match else (None, None)
    if start is None or end is None:
        raise WrongFormat(f"{times.strip()!r} is not the time of a cue")
    return Annotation(start, max(start, end), TAG.sub("", " ".join(line.strip() for line in lines)).strip())
