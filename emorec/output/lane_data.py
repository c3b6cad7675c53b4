"""The data of a chart with a lane for each person, below a lane for the mean of all, as plain values.

The vertical scale of the chart goes down from 0, and a lane is 1 high. It has the name, the plot, and a strip that
shows when the face is seen; for a person who is only heard, when the voice is heard. Below the last lane there is a
strip for speech.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emorec import files
from emorec.inference.timeline import Timeline
from emorec.output import chart_data, chart_hatch, chart_tooltips
from emorec.output.chart_data import Columns, box, rounded

MAX_LANES = 12  # persons; more are not readable
MEAN = "Everybody (mean)"

# Top and bottom of the parts of a lane.
NAME_AT = 0.13
PLOT = (0.26, 0.9)
STRIP = (0.92, 0.97)
ZERO = (0.576, 0.584)  # the line between pleasant and unpleasant
# The strip for speech and its name, and the height of both together, below the last lane.
SPEECH = (0.24, 0.3)
SPEECH_AT = 0.13
BELOW = 0.32
PLOT_HEIGHT = 0.2  # of a lane, as a fraction of the plot of a chart without lanes

MAX_POINTS = 1000  # columns in all lanes together, so that a browser draws them quickly
MIN_COLUMNS = 100  # of a lane

Points = list[dict[str, Any]]
FIELDS = {"stacked": ("low", "high"), "lines": ("probability",), "valence_arousal": ("value",)}
POINTS: dict[str, Callable[[Columns], Points]] = {
    "stacked": chart_data.area_points,
    "lines": chart_data.line_points,
    "valence_arousal": chart_data.affect_points,
}


@dataclass(frozen=True)
class Lanes:
    """The data of each layer of the chart, and the ``height`` on its scale."""

    tracks: Points
    shapes: Points
    strokes: Points
    strips: Points
    hover: Points
    names: Points
    pictures: Points
    height: float


def left_out(persons: int) -> str:
    """How many of so many persons have no lane, in words without a full stop; "" if all have one."""
    more = persons - MAX_LANES
    return "" if more <= 0 else "1 more person is not drawn" if more == 1 else f"{more} more persons are not drawn"


def lanes(timeline: Timeline, style: str, span: tuple[float, float], pictures: Mapping[int, str]) -> Lanes:
    """The lanes of a timeline with people; ``span`` (s) is the time of the chart, ``pictures`` are URLs by person."""
    until = span[1]
    drawn = [(MEAN, timeline), *((person.name, person) for person in timeline.people[:MAX_LANES])]
    count = len(drawn)
    columns = [
        chart_data.columns(one, min(chart_data.MAX_COLUMNS, max(MIN_COLUMNS, MAX_POINTS // count))) for _, one in drawn
    ]
    begin, end = (float(timeline.start[0]), float(timeline.end[-1])) if len(timeline) else (0.0, 0.0)
    found = Lanes([], [], [], [], [], [], [], height=count + BELOW)
    for lane, ((name, one), data) in enumerate(zip(drawn, columns, strict=True)):
        found.names.append({"text": files.shown(name), "at": lane + NAME_AT})
        number = int(timeline.people[lane - 1].person.max(initial=-1)) if lane else -1
        if number in pictures:
            found.pictures.append({"picture": pictures[number], "at": lane + NAME_AT})
        found.tracks.append(_rectangle(begin, end, lane, STRIP))
        if style == "valence_arousal":
            found.tracks.append(_rectangle(begin, end, lane, ZERO))
        if not timeline.complete and end < until:
            found.tracks.append(_rectangle(end, until, lane, PLOT))
        found.shapes.extend(_in_lane(point, lane, style) for point in POINTS[style](data))
        if style == "stacked":
            for point in chart_hatch.strokes(data, span, PLOT_HEIGHT):
                at = point["at"]
                found.strokes.append(point | {"at": None if at is None else in_lane(at, lane)})
        presence = data.speech if one.only_heard else data.face
        found.strips.extend(_strips(data.start, data.end, presence, lane, STRIP))
        for place, boxed in zip(zip(data.start, data.end, strict=True), chart_tooltips.column_boxes(data), strict=True):
            found.hover.append(boxed | _rectangle(*place, lane, PLOT) | {"Person": files.shown(name)})
    found.names.append({"text": "Speech counted", "at": count + SPEECH_AT})
    found.tracks.append(_rectangle(begin, end, count, SPEECH))
    found.strips.extend(_strips(columns[0].start, columns[0].end, columns[0].speech, count, SPEECH))
    return found


def in_lane(value: float, lane: int) -> float:
    """A value from 0 (bottom) to 1 (top) of the plot of a lane, on the scale of the chart."""
    top, bottom = PLOT
    return rounded(lane + bottom - value * (bottom - top))


def _in_lane(point: dict[str, Any], lane: int, style: str) -> dict[str, Any]:
    """A point of a single chart, moved into a lane."""
    moved = {}
    for name in FIELDS[style]:
        value = point[name]
        if value is not None and style == "valence_arousal":
            value = (value + 1) / 2
        moved[name] = None if value is None else in_lane(value, lane)
    return point | moved | {"lane": lane}


def _rectangle(start: float, end: float, lane: int, ends: tuple[float, float]) -> dict[str, Any]:
    return box(start, end, rounded(lane + ends[0]), rounded(lane + ends[1]))


def _strips(start: np.ndarray, end: np.ndarray, coverage: np.ndarray, lane: int, ends: tuple[float, float]) -> Points:
    """Rectangles of a coverage (C,) in columns from ``start`` to ``end`` (s); equal neighbours are one."""
    coverage = np.round(coverage, 1)
    return [
        _rectangle(float(start[run[0]]), float(end[run[-1]]), lane, ends) | {"coverage": rounded(coverage[run[0]])}
        for run in chart_data.runs(coverage)
        if coverage[run[0]] > 0
    ]
