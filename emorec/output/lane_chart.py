"""A chart with a lane for each person, below a lane for the mean of all."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import altair as alt

from emorec.inference.timeline import Timeline
from emorec.output import chart_marks
from emorec.output.chart_marks import BREAK, EVIDENCE, Drawing
from emorec.output.chart_tooltips import TOOLTIP
from emorec.output.lane_data import BELOW, MAX_LANES, lanes

LANE_HEIGHT = 86  # px, at least
LEAST = 300  # px of the whole chart, at least
LABEL = 66  # px of the label of a marker, from the plot of a lane down to the name of the next one
PICTURE, GAP = 20, 6  # px: the side of a person's picture, and the space between it and the name


def height(timeline: Timeline) -> int:
    """The height of the plot of a timeline with people (px)."""
    lanes_drawn = 1 + min(len(timeline.people), MAX_LANES) + BELOW
    return round(max(LEAST, LANE_HEIGHT * lanes_drawn))


def drawing(
    timeline: Timeline,
    span: tuple[float, float],
    style: str,
    legend: bool,
    ink: str,
    pictures: Mapping[int, str],
) -> Drawing:
    """The Drawing of a timeline with people.

    ``span`` (s) is the time that the axis shows, ``ink`` the colour of the names; ``pictures`` are URLs of small
    pictures of persons by their numbers, drawn before the names.
    """
    data = lanes(timeline, style, span, pictures)
    drawn = [data.tracks, data.shapes, *([data.strokes] if style == "stacked" else []), data.strips, data.hover]
    drawn += [data.names, *([data.pictures] if data.pictures else [])]
    key = ("lanes", style, legend, ink, data.height, bool(data.pictures))
    build = functools.partial(_layers, data.height, bool(data.pictures), style, legend, ink)
    return Drawing(key=key, build=build, data=drawn, height=height(timeline))


def _layers(
    top: float, pictures: bool, style: str, legend: bool, ink: str, span: tuple[float, float]
) -> list[alt.Chart]:
    names = (
        alt.Chart()
        .mark_text(align="left", baseline="middle", fontSize=12, fontWeight=600, color=ink, limit=280)
        .encode(x=alt.value(PICTURE + GAP if pictures else 0), y=alt.Y("at:Q"), text=alt.Text("text:N"))
    )
    faces = (
        alt.Chart()
        .mark_image(align="left", baseline="middle", width=PICTURE, height=PICTURE)
        .encode(x=alt.value(0), y=alt.Y("at:Q"), url=alt.Url("picture:N"))
    )
    return [
        chart_marks.boxes(EVIDENCE, opacity=0.14),
        {"stacked": _areas, "lines": _lines}.get(style, _affect_lines)(top, span, legend),
        *([chart_marks.hatching()] if style == "stacked" else []),
        chart_marks.strips(),
        chart_marks.hover(["Person", *TOOLTIP]),
        names,
        *([faces] if pictures else []),
    ]


def _areas(top: float, span: tuple[float, float], legend: bool) -> alt.Chart:
    return (
        alt.Chart()
        .mark_area(interpolate="step-after", invalid=BREAK)
        .encode(
            x=chart_marks.time(span),
            y=_height("low:Q", top, stack=None),
            y2=alt.Y2("high:Q"),
            **chart_marks.colours(legend) | _each_lane(),
        )
    )


def _lines(top: float, span: tuple[float, float], legend: bool) -> alt.Chart:
    return (
        alt.Chart()
        .mark_line(strokeWidth=1.5, invalid=BREAK)
        .encode(
            x=chart_marks.time(span),
            y=_height("probability:Q", top),
            **chart_marks.colours(legend, "stroke") | chart_marks.dashes(legend) | _each_lane(),
        )
    )


def _affect_lines(top: float, span: tuple[float, float], legend: bool) -> alt.Chart:
    return (
        alt.Chart()
        .mark_line(strokeWidth=1.5, invalid=BREAK)
        .encode(x=chart_marks.time(span), y=_height("value:Q", top), **chart_marks.affect_looks(legend) | _each_lane())
    )


def _each_lane() -> dict[str, Any]:
    """The encoding that draws a separate area or line for each lane."""
    return {"detail": alt.Detail("lane:N")}


def _height(field: str, top: float, **how: Any) -> alt.Y:
    scale = alt.Scale(domain=[0, top], nice=False, reverse=True)
    # Vega-Lite can only join the axes of the layers if each layer has one.
    bare = alt.Axis(labels=False, ticks=False, domain=False, grid=False)
    return alt.Y(field, title=None, scale=scale, axis=bare, **how)
