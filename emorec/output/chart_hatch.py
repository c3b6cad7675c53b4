"""Hatching over the columns of a chart that are unsure: strokes that lean to the right, as one interrupted line.

Full colours with dark strokes can be told apart by colour-blind eyes and on any page; paler colours could not.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from emorec.output.chart_data import rounded, runs

COLOUR = "#111111"  # a contrast of more than 3:1 to the colour of every emotion, as WCAG 2.2 (1.4.11) requires
WIDTH = 1.5  # px
STROKES = 70  # that begin within the width of a chart
LEAN = 0.25  # of the width of a chart: how far a stroke leans over the whole height
MAX_PIECES = 400  # about; strokes are steeper if they are cut into more pieces
LEVELS = 10  # of the height of columns that are partly without evidence


class Hatchable(Protocol):
    """Columns from ``start`` to ``end`` (s), ``known`` high (0 to 1); those that are not ``sure`` are hatched."""

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

    A point without ``at`` interrupts the line. ``span`` (s) is what the chart shows. ``height`` is that of the areas as
    a fraction of a usual chart's, so that strokes lean as much in a low one.
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
