"""The layers of the chart of one timeline, and their data."""

from __future__ import annotations

import functools
from typing import Any

import altair as alt

from emorec.inference.timeline import Timeline
from emorec.output import chart_axes, chart_data, chart_hatch, chart_marks, chart_tooltips
from emorec.output.chart_axes import Strips
from emorec.output.chart_marks import BREAK, EVIDENCE, Drawing

AFFECT = "valence_arousal"
HEIGHT = 300  # px


def drawing(timeline: Timeline, span: tuple[float, float], style: str, legend: bool) -> Drawing:
    """The Drawing of one timeline; ``span`` (s) is the time that its axis shows."""
    columns = chart_data.columns(timeline)
    until = float(timeline.end[-1]) if len(timeline) else 0.0
    begin = span[0]
    tracked = [chart_data.box(begin, until, low, high) for low, high in columns.strips.values()]
    if not timeline.complete and until < span[1] - 1e-6:
        # Blank means no evidence, so the time that is not analysed yet is shaded. At first this is nearly all of it.
        tracked.append(chart_data.box(until, span[1], 0, 1))
    make_points = {"stacked": chart_data.area_points, "lines": chart_data.line_points, AFFECT: chart_data.affect_points}
    strips, hover = chart_data.evidence_boxes(columns), chart_tooltips.column_boxes(columns)
    if style == AFFECT:
        tracked, strips, hover = map(chart_data.to_affect_scale, (tracked, strips, hover))
    hatched = [chart_hatch.strokes(columns, span)] if style == "stacked" else []
    data = [tracked, make_points[style](columns), *hatched, strips, hover]
    build = functools.partial(_layers, columns.pictures, style, legend)
    return Drawing(key=("one", style, legend, columns.pictures), build=build, data=data, height=HEIGHT)


def _layers(pictures: bool, style: str, legend: bool, span: tuple[float, float]) -> list[alt.Chart]:
    shape = {"stacked": _areas, "lines": _lines, AFFECT: _affect_lines}[style]
    strips, tooltip = chart_data.strips_of(pictures), chart_tooltips.tooltip_of(pictures)
    return [
        chart_marks.boxes(EVIDENCE, opacity=0.14),
        shape(strips, span, legend),
        *([chart_marks.hatching()] if style == "stacked" else []),
        chart_marks.strips(),
        chart_marks.hover(tooltip),
    ]


def _areas(strips: Strips, span: tuple[float, float], legend: bool) -> alt.Chart:
    y = _probability("low:Q", strips, stack=None)
    return (
        alt.Chart()
        .mark_area(interpolate="step-after", invalid=BREAK)
        .encode(x=chart_marks.time(span), y=y, y2=alt.Y2("high:Q"), **chart_marks.colours(legend))
    )


def _lines(strips: Strips, span: tuple[float, float], legend: bool) -> alt.Chart:
    looks = chart_marks.colours(legend, "stroke") | chart_marks.dashes(legend)
    return (
        alt.Chart()
        .mark_line(strokeWidth=2, invalid=BREAK)
        .encode(x=chart_marks.time(span), y=_probability("probability:Q", strips), **looks)
    )


def _affect_lines(strips: Strips, span: tuple[float, float], legend: bool) -> alt.Chart:
    scale = alt.Scale(domain=[chart_data.on_affect_scale(chart_data.bottom(strips)), 1], nice=False)
    return (
        alt.Chart()
        .mark_line(strokeWidth=2, invalid=BREAK)
        .encode(
            x=chart_marks.time(span),
            y=alt.Y("value:Q", title=None, scale=scale, axis=chart_axes.affect_axis(strips)),
            **chart_marks.affect_looks(legend),
        )
    )


def _probability(field: str, strips: Strips, **how: Any) -> alt.Y:
    scale = alt.Scale(domain=[chart_data.bottom(strips), 1], nice=False)
    return alt.Y(field, title=None, scale=scale, axis=chart_axes.value_axis(strips), **how)
