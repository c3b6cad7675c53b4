"""The axes of a chart: time, probabilities, valence and arousal."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from emorec.output.chart_data import on_affect_scale, rounded

GREY = "#808080"  # readable on white and on black: a page may be light or dark

# Seconds between two labels of time; longer steps are whole multiples of an hour.
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
MAX_TICKS = 10
HOUR = 3600

Strips = dict[str, tuple[float, float]]  # bottom and top on the scale of probabilities, by name


def ticks(begin: float, end: float) -> list[float]:
    """Round times (s) from ``begin`` to ``end`` (s) for the labels of an axis, at most about MAX_TICKS."""
    total = end - begin
    step = next((tick for tick in TICKS if total / tick <= MAX_TICKS), None) or HOUR * -(-total // (HOUR * MAX_TICKS))
    return [rounded(count * step) for count in range(math.ceil(begin / step - 1e-6), int(end / step + 1e-6) + 1)]


def time_axis(begin: float, end: float) -> alt.Axis:
    """The axis of time from ``begin`` to ``end`` (s)."""
    values = ticks(begin, end)
    seconds = "pad(format(datum.value % 60, '.1~f'), datum.value % 1 ? 4 : 2, '0', 'left')"
    minutes = "floor(datum.value / 60)"
    if end >= HOUR:
        minutes = f"floor(datum.value / {HOUR}) + ':' + pad(floor(datum.value / 60) % 60, 2, '0', 'left')"
    label = f"{minutes} + ':' + {seconds}"
    return alt.Axis(values=values, labelExpr=label, labelOverlap="greedy", labelSeparation=10, labelFlush=True)


def value_axis(strips: Strips) -> alt.Axis:
    """The axis of probabilities and, below them, of the strips of evidence."""
    values, label = _with_strips({name: sum(ends) / 2 for name, ends in strips.items()}, "format(datum.value, '.0%')")
    return alt.Axis(values=[*values, 0, 0.5, 1], labelExpr=label, domain=False, ticks=False, labelPadding=6)


def affect_axis(strips: Strips) -> alt.Axis:
    """The axis of valence and arousal and, below them, of the strips of evidence."""
    middles = {name: on_affect_scale(sum(ends) / 2) for name, ends in strips.items()}
    values, label = _with_strips(middles, "datum.value ? format(datum.value, '+') : '0'")
    # The only grid line is that of 0, between pleasant and unpleasant, and between excited and calm.
    opacity: Any = {"condition": {"test": "datum.value === 0", "value": 0.5}, "value": 0}
    look: dict[str, Any] = {"grid": True, "gridColor": GREY, "gridOpacity": opacity}
    return alt.Axis(values=[*values, -1, 0, 1], labelExpr=label, domain=False, ticks=False, labelPadding=6, **look)


def _with_strips(middles: dict[str, float], label: str) -> tuple[list[float], str]:
    """Values of an axis at the middles of the strips, and a Vega expression of their names, or ``label`` elsewhere."""
    names = " : ".join(f"abs(datum.value - {middle}) < 0.01 ? '{name}'" for name, middle in middles.items())
    return list(middles.values()), f"{names} : {label}"
