"""A timeline as a chart over time, with how much evidence there is below it.

It shows the probabilities, stacked or as lines, or the valence and arousal that are derived from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np

from emorec import files
from emorec.errors import EmorecError
from emorec.inference.timeline import UNSURE_BELOW, Timeline
from emorec.output import (
    chart_axes,
    chart_data,
    chart_files,
    chart_hatch,
    chart_marks,
    chart_words,
    lane_chart,
    marker_charts,
)
from emorec.output.chart_axes import GREY
from emorec.output.chart_data import Columns, clock
from emorec.output.chart_files import PNG_SCALE, SUFFIXES, check_suffix
from emorec.output.chart_marks import AFFECT_COLOURS, BREAK, EVIDENCE

__all__ = [
    "AFFECT_COLOURS",
    "CONFIDENT",
    "PNG_SCALE",
    "STYLES",
    "SUFFIXES",
    "check_suffix",
    "clock",
    "save",
    "svg_text",
    "timeline_chart",
]

AFFECT = "valence_arousal"
STYLES = ("stacked", "lines", AFFECT)

HEIGHT = 300  # px
FILE_WIDTH = 1000  # px, all of the picture
NOTEBOOK_WIDTH = 800  # px, the plot alone
FILE_HEIGHT = 360  # px, all of the picture
CONFIDENT = UNSURE_BELOW  # the default that a legend names; a timeline has its own

VEGA_LITE = f"application/vnd.vegalite.v{alt.SCHEMA_VERSION.lstrip('v').partition('.')[0]}+json"  # MIME type

INK = "#333333"
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"

EMBEDDING = {"embedOptions": {"actions": False, "renderer": "svg"}}  # how a page draws a chart

Drawable = Timeline | alt.LayerChart


def timeline_chart(
    timeline: Timeline,
    title: str | None = None,
    subtitle: str | list[str] | None = None,
    ink: str = GREY,
    legend: bool = True,
    style: str = "stacked",
    part: tuple[float, float] | None = None,
    pictures: Mapping[int, str] | None = None,
) -> alt.LayerChart:
    """A chart of a timeline on a transparent background, as wide as its place in the page.

    ``subtitle`` is a line or a list of lines. ``ink`` is the colour of text. ``style`` is "stacked", with the
    probabilities of each time on top of each other, "lines", with one line per emotion, or "valence_arousal", with two
    lines from -1 to 1. ``part`` is the time (s) that is shown, in as much detail as fits; None shows all of it.
    ``pictures`` are URLs of small pictures of persons by their numbers, for their lanes.
    """
    if part:
        timeline = _clipped(timeline.between(*part), *part)
    until = float(timeline.end[-1]) if len(timeline) else 0.0
    begin = float(timeline.start[0]) if len(timeline) else 0.0
    span = part or (begin, max(timeline.duration, until, begin + chart_axes.TICKS[0]))
    if timeline.people:
        layers, data, height = lane_chart.layers(timeline, span, style, legend, ink, pictures or {})
    else:
        layers, data, height = _layers(timeline, span, style, legend)
    chart: Any = alt.layer(*layers)  # typed as any kind of chart by Altair
    if title:
        chart = chart.properties(title=alt.TitleParams(files.shown(title), subtitle=subtitle or alt.Undefined))
    words = chart_words.description(timeline, style, span)
    chart = (
        chart.properties(width="container", height=height, background="transparent", padding=4)
        .properties(usermeta=EMBEDDING, description=words)
        # What a screen reader hears is the description; it would else go through every column and label.
        .configure(font=FONT, aria=False)
        .configure_mark(aria=False)
        .configure_view(stroke=None)
        .configure_axis(labelColor=ink, tickColor=ink, domainColor=ink, labelFontSize=12, grid=False)
        .configure_legend(labelColor=ink, labelFontSize=13)
        .configure_title(color=ink, subtitleColor=ink, fontSize=17, subtitleFontSize=13, anchor="start", offset=12)
    )
    # The data come last, as plain values: Altair would copy and check all of them at every step above.
    for layer, values in zip(chart.layer, data, strict=True):
        layer.data = {"values": values}
    if timeline.markers:
        # Lanes count from the top downwards.
        chart.layer = [*chart.layer, *marker_charts.rules(timeline.markers, top=0.0 if timeline.people else 1.0)]
    return chart


def _clipped(timeline: Timeline, low: float, high: float) -> Timeline:
    """The timeline without what its first and last rows tell of the time before ``low`` and after ``high`` (s)."""
    start, end = np.maximum(timeline.start, low), np.minimum(timeline.end, high)
    people = tuple(_clipped(person, low, high) for person in timeline.people)
    return replace(timeline, start=start, end=end, people=people)


def _layers(
    timeline: Timeline, span: tuple[float, float], style: str, legend: bool
) -> tuple[list[alt.Chart], list[list[dict[str, Any]]], int]:
    """The layers of the chart of one timeline, the data of each, and its height (px)."""
    columns = chart_data.columns(timeline)
    until = float(timeline.end[-1]) if len(timeline) else 0.0
    begin = span[0]
    tracked = [chart_data.box(begin, until, low, high) for low, high in columns.strips.values()]
    if not timeline.complete and until < span[1] - 1e-6:
        # Blank means no evidence, so what is not analysed yet, at first nearly all of a long recording, is shaded.
        tracked.append(chart_data.box(until, span[1], 0, 1))
    make_points = {"stacked": chart_data.area_points, "lines": chart_data.line_points, AFFECT: chart_data.affect_points}
    strips_data, hover_data = chart_data.evidence_boxes(columns), chart_data.column_boxes(columns)
    if style == AFFECT:
        tracked, strips_data, hover_data = map(chart_data.stretched, (tracked, strips_data, hover_data))
    tracks = chart_marks.boxes(EVIDENCE, opacity=0.14)
    shapes = {"stacked": _areas, "lines": _lines, AFFECT: _affect_lines}[style](columns, span, legend)
    layers, data = [tracks, shapes], [tracked, make_points[style](columns)]
    if style == "stacked":
        layers, data = [*layers, chart_marks.hatching()], [*data, chart_hatch.strokes(columns, span)]
    layers += [chart_marks.strips(), chart_marks.hover(columns.tooltip)]
    return layers, [*data, strips_data, hover_data], HEIGHT


def empty_chart() -> alt.LayerChart:
    """A chart without anything, for a page that prepares to draw one."""
    chart: Any = alt.layer(alt.Chart(alt.Data(values=[])).mark_rect())  # typed as any kind of chart by Altair
    return chart.properties(usermeta=EMBEDDING, description="A chart without data yet")


def notebook_chart(timeline: Timeline, style: str = "stacked") -> alt.LayerChart:
    """The chart as a notebook shows it, with a title and a fixed width. Raises EmorecError for an unknown style."""
    check_style(style)
    chart = timeline_chart(timeline, *chart_words.titles(timeline, style), style=style)
    return chart.properties(width=NOTEBOOK_WIDTH)


def check_style(style: str) -> None:
    """Raise EmorecError unless there is such a style."""
    if style not in STYLES:
        raise EmorecError(f"The style {style!r} does not exist; choose from {', '.join(STYLES)}.")


def save(chart: Drawable, file: str | Path, style: str = STYLES[0]) -> None:
    """Save a chart, or the chart of a timeline, as PNG, SVG or HTML that works offline, by the suffix of the name.

    ``style`` is that of a timeline's chart. Missing folders are made. Raises EmorecError for another suffix or style,
    or if the file cannot be written.
    """
    check_suffix(file)
    check_style(style)
    file = Path(file)
    files.write_result(file, _content(chart, file.suffix.lower()[1:], style))


def svg_text(chart: Drawable, style: str = STYLES[0]) -> str:
    """A chart, or the chart of a timeline in one of STYLES, as the text of an SVG picture on white."""
    return _content(chart, "svg", style).decode()


def _content(chart: Drawable, kind: str, style: str) -> bytes:
    """The content of a chart's file, "png", "svg" or "html"."""
    height = FILE_HEIGHT
    if isinstance(chart, Timeline):
        if chart.people:
            height += lane_chart.height(chart) - HEIGHT
        chart = timeline_chart(chart, *chart_words.titles(chart, style), ink=INK, style=style)
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    chart = chart.properties(width=FILE_WIDTH, height=height, background="white", padding=16, autosize=fit)
    return chart_files.content(chart, kind)


def _areas(columns: Columns, span: tuple[float, float], legend: bool) -> alt.Chart:
    y = _probability("low:Q", columns, stack=None)
    return (
        alt.Chart()
        .mark_area(interpolate="step-after", invalid=BREAK)
        .encode(x=chart_marks.time(span), y=y, y2="high:Q", **chart_marks.colours(legend))
    )


def _lines(columns: Columns, span: tuple[float, float], legend: bool) -> alt.Chart:
    looks = chart_marks.colours(legend, "stroke") | chart_marks.dashes(legend)
    return (
        alt.Chart()
        .mark_line(strokeWidth=2, invalid=BREAK)
        .encode(x=chart_marks.time(span), y=_probability("probability:Q", columns), **looks)
    )


def _affect_lines(columns: Columns, span: tuple[float, float], legend: bool) -> alt.Chart:
    scale = alt.Scale(domain=[chart_data.on_affect_scale(columns.bottom), 1], nice=False)
    return (
        alt.Chart()
        .mark_line(strokeWidth=2, invalid=BREAK)
        .encode(
            x=chart_marks.time(span),
            y=alt.Y("value:Q", title=None, scale=scale, axis=chart_axes.affect_axis(columns.strips)),
            **chart_marks.affect_looks(legend),
        )
    )


def _probability(field: str, columns: Columns, **how: Any) -> alt.Y:
    scale = alt.Scale(domain=[columns.bottom, 1], nice=False)
    return alt.Y(field, title=None, scale=scale, axis=chart_axes.value_axis(columns.strips), **how)
