"""A chart with a lane for each person, the mean of all on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from emorec.inference.timeline import Timeline
from emorec.output import chart_marks
from emorec.output.chart_data import TOOLTIP
from emorec.output.chart_marks import BREAK, EVIDENCE
from emorec.output.lane_data import BELOW, MAX_LANES, Lanes, lanes

LANE_HEIGHT = 86  # px, at least
LEAST = 300  # px of the chart, at least
PICTURE, GAP = 20, 6  # px: the side of a person's picture, and what is free between it and the name


def height(timeline: Timeline) -> int:
    """The height of the plot of a timeline with people (px)."""
    lanes_drawn = 1 + min(len(timeline.people), MAX_LANES) + BELOW
    return round(max(LEAST, LANE_HEIGHT * lanes_drawn))


def layers(
    timeline: Timeline,
    span: tuple[float, float],
    style: str,
    legend: bool,
    ink: str,
    pictures: Mapping[int, str],
) -> tuple[list[alt.Chart], list[list[dict[str, Any]]], int]:
    """The layers of the chart of a timeline with people, the data of each, and its height (px).

    ``span`` (s) is what the axis of time shows, ``ink`` the colour of the names; ``pictures`` are URLs of small
    pictures of persons by their numbers, drawn before the names.
    """
    data = lanes(timeline, style, span, pictures)
    shapes = {"stacked": _areas, "lines": _lines}.get(style, _affect_lines)(data, span, legend)
    names = (
        alt.Chart()
        .mark_text(align="left", baseline="middle", fontSize=12, fontWeight=600, color=ink, limit=280)
        .encode(x=alt.value(PICTURE + GAP if data.pictures else 0), y="at:Q", text="text:N")
    )
    faces = (
        alt.Chart()
        .mark_image(align="left", baseline="middle", width=PICTURE, height=PICTURE)
        .encode(x=alt.value(0), y="at:Q", url="picture:N")
    )
    hatching = [(chart_marks.hatching(), data.strokes)] if style == "stacked" else []
    drawn = [
        (chart_marks.boxes(EVIDENCE, opacity=0.14), data.tracks),
        (shapes, data.shapes),
        *hatching,
        (chart_marks.strips(), data.strips),
        (chart_marks.hover(["Person", *TOOLTIP]), data.hover),
        (names, data.names),
        *([(faces, data.pictures)] if data.pictures else []),
    ]
    return [layer for layer, _ in drawn], [values for _, values in drawn], height(timeline)


def _areas(data: Lanes, span: tuple[float, float], legend: bool) -> alt.Chart:
    return (
        alt.Chart()
        .mark_area(interpolate="step-after", invalid=BREAK)
        .encode(
            x=chart_marks.time(span),
            y=_height("low:Q", data, stack=None),
            y2="high:Q",
            **chart_marks.colours(legend) | _each_lane(),
        )
    )


def _lines(data: Lanes, span: tuple[float, float], legend: bool) -> alt.Chart:
    return (
        alt.Chart()
        .mark_line(strokeWidth=1.5, invalid=BREAK)
        .encode(
            x=chart_marks.time(span),
            y=_height("probability:Q", data),
            **chart_marks.colours(legend, "stroke") | chart_marks.dashes(legend) | _each_lane(),
        )
    )


def _affect_lines(data: Lanes, span: tuple[float, float], legend: bool) -> alt.Chart:
    return (
        alt.Chart()
        .mark_line(strokeWidth=1.5, invalid=BREAK)
        .encode(x=chart_marks.time(span), y=_height("value:Q", data), **chart_marks.affect_looks(legend) | _each_lane())
    )


def _each_lane() -> dict[str, Any]:
    """An area or line of its own for each lane."""
    return {"detail": "lane:N"}


def _height(field: str, data: Lanes, **how: Any) -> alt.Y:
    scale = alt.Scale(domain=[0, data.height], nice=False, reverse=True)
    # Without any axis Vega-Lite cannot join those of the layers.
    bare = alt.Axis(labels=False, ticks=False, domain=False, grid=False)
    return alt.Y(field, title=None, scale=scale, axis=bare, **how)
