"""Hatching over the unsure columns of a chart: strokes that lean to the right, drawn as one interrupted line.

Full colours with dark strokes can be told apart by colour-blind readers and on any page; paler colours cannot.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from emorec.output.chart_data import rounded, runs

COLOUR = "#111111"  # a contrast of more than 3:1 to the colour of every emotion, as WCAG 2.2 (1.4.11) requires
WIDTH = 1.5  # px
STROKES = 70  # over the width of a chart
LEAN = 0.25  # share of the width of a chart by which a stroke leans over the whole height
MAX_PIECES = 400  # about; with more hatched areas strokes are steeper, so that fewer cross each area
LEVELS = 10  # steps of height of columns that are partly without evidence


class Hatchable(Protocol):
    """Columns (C,) from ``start`` to ``end`` (s) with the height ``known`` (0 to 1), hatched where not ``sure``."""

    @property
    def start(self) -> np.ndarray: ...

    @property
    def end(self) -> np.ndarray: ...

    @property
    def known(self) -> np.ndarray: ...

    @property
    def sure(self) -> np.ndarray: ...


def strokes(data: Hatchable, span: tuple[float, float], height: float = 1.0) -> list[dict[str, Any]]:
    """Points of the strokes over the areas of unsure columns: ``time`` (s) and ``at``, from 0 to 1 of the height.

    A point without ``at`` interrupts the line. ``span`` (s) is the time that the chart shows. ``height`` is the height
    of the areas as a fraction of that of a usual chart, so that strokes have the same slope in a low one.
    """
    level = np.floor(data.known * LEVELS + 1e-6)
    hatched = [run for run in runs(np.where(data.sure, 0, level)) if level[run[0]] > 0 and not data.sure[run[0]]]
    length = span[1] - span[0]
    spacing = length / STROKES
    lean = min(LEAN * height * length, spacing * max(1.0, MAX_PIECES / max(len(hatched), 1)))
    points = []
    for run in hatched:
        begin, end, top = float(data.start[run[0]]), float(data.end[run[-1]]), level[run[0]] / LEVELS
        for number in range(math.ceil((begin - lean * top) / spacing), math.floor(end / spacing) + 1):
            foot = number * spacing
            low, high = max(0.0, (begin - foot) / lean), min(top, (end - foot) / lean)
            if low < high:
                ends = [{"time": rounded(foot + at * lean), "at": rounded(at)} for at in (low, high)]
                points += [*ends, {"time": ends[1]["time"], "at": None}]
    return points
