"""A timeline as a Praat TextGrid, in the long text format: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from emorec.inference.timeline import Timeline
from emorec.output.tiers import Tier, tiers

SHORTEST = 0.001  # seconds; Praat refuses a TextGrid without duration
SAME = 1e-6  # seconds; borders that are as near as this count as the same

Interval = tuple[float, float, str]


def textgrid_text(timeline: Timeline) -> str:
    """An interval tier of the dominant emotions for each person and modality, and after these the tiers of confidence.

    All other time, from 0 to the end of the recording, is in intervals without text.
    """
    found = tiers(timeline)
    last = max((run.end for tier in found for run in tier.runs), default=0.0)
    duration = timeline.duration if math.isfinite(timeline.duration) else 0.0
    until = max(duration, last, SHORTEST)
    named = [
        *((tier.name, _intervals(tier, until, confidence=False)) for tier in found),
        *((f"{tier.name} confidence", _intervals(tier, until, confidence=True)) for tier in found),
    ]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", *_range(until, ""), "tiers? <exists> "]
    lines += [f"size = {len(named)} ", "item []: "]
    for number, (name, intervals) in enumerate(named, 1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier" ', f"        name = {_quoted(name)} "]
        lines += [*_range(until, " " * 8), *_interval_lines(list(intervals))]
    return "\n".join(lines) + "\n"


def _intervals(tier: Tier, until: float, confidence: bool) -> Iterator[Interval]:
    """The runs as intervals, with intervals without text between them, from 0 to ``until`` (s)."""
    time = 0.0
    for run in tier.runs:
        start = run.start if run.start - time > SAME else time
        if start > time:
            yield time, start, ""
        time = until if until - run.end <= SAME else run.end
        yield start, time, run.shown_confidence if confidence else run.emotion
    if until > time:
        yield time, until, ""


def _interval_lines(intervals: list[Interval]) -> Iterable[str]:
    yield f"        intervals: size = {len(intervals)} "
    for number, (start, end, text) in enumerate(intervals, 1):
        yield f"        intervals [{number}]:"
        yield f"            xmin = {_number(start)} "
        yield f"            xmax = {_number(end)} "
        yield f"            text = {_quoted(text)} "


def _range(until: float, indent: str) -> list[str]:
    return [f"{indent}xmin = 0 ", f"{indent}xmax = {_number(until)} "]


def _number(seconds: float) -> str:
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
