"""A timeline as a chart over time, with strips below it that show how much evidence there is.

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
    chart_files,
    chart_layers,
    chart_marks,
    chart_words,
    lane_chart,
    lane_data,
    marker_charts,
)
from emorec.output.chart_axes import GREY
from emorec.output.chart_data import clock
from emorec.output.chart_files import PNG_SCALE, SUFFIXES, check_suffix
from emorec.output.chart_layers import AFFECT, HEIGHT
from emorec.output.chart_marks import AFFECT_COLOURS, Drawing

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
    "timeline_spec",
]

STYLES = ("stacked", "lines", AFFECT)

FILE_WIDTH = 1000  # px, all of the picture
NOTEBOOK_WIDTH = 800  # px, the plot alone
FILE_HEIGHT = 360  # px, all of the picture
CONFIDENT = UNSURE_BELOW  # the default, for a legend without a timeline; a timeline has a value of its own

VEGA_LITE = f"application/vnd.vegalite.v{alt.SCHEMA_VERSION.lstrip('v').partition('.')[0]}+json"  # MIME type

INK = "#333333"
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"

EMBEDDING = {"embedOptions": {"actions": False, "renderer": "svg"}}  # how a page draws a chart

MAX_FRAMES = 64  # specifications without data that are kept; they differ in style and number of lanes
_frames: dict[tuple[Any, ...], dict[str, Any]] = {}  # by all that they depend on

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
    lines from -1 to 1. ``part`` is the time (s) that is shown, in as much detail as fits; None shows the whole
    timeline. ``pictures`` are URLs of small pictures of persons by their numbers, for their lanes.
    """
    timeline, span, drawing = prepare_drawing(timeline, ink, legend, style, part, pictures)
    chart = build_chart(drawing, span, ink)
    if title:
        chart = chart.properties(title=alt.TitleParams(files.shown(title), subtitle=subtitle or alt.Undefined))
    chart = chart.properties(description=chart_words.description(timeline, style, span))
    # The data are added last, as plain values: Altair would copy and check all of them in every step above.
    for layer, values in zip(chart.layer, drawing.data, strict=True):
        layer.data = {"values": values}
    if timeline.markers:
        # The scale of lanes goes down from the top; the labels fit between the names of the first two lanes.
        lanes = lane_data.PLOT[0], lane_chart.LABEL
        top, longest = lanes if timeline.people else (1.0, marker_charts.MAX_WORDS)
        chart.layer = [*chart.layer, *marker_charts.rules(timeline.markers, top, longest)]
    return chart


def timeline_spec(
    timeline: Timeline,
    style: str = "stacked",
    part: tuple[float, float] | None = None,
    pictures: Mapping[int, str] | None = None,
) -> dict[str, Any]:
    """What ``timeline_chart`` draws without a title and a legend, as a specification in Vega-Lite.

    Altair takes some hundredths of a second to make a chart, and a page draws after every click. Only the data and the
    axis of time differ between many timelines, so the rest is made once and kept.
    """
    if timeline.markers:
        chart = timeline_chart(timeline, legend=False, style=style, part=part, pictures=pictures)
        return chart.to_dict(validate=False)
    timeline, span, drawing = prepare_drawing(timeline, GREY, False, style, part, pictures)
    key = (drawing.key, drawing.height)
    frame = _frames.get(key)  # kept in a variable, because another thread may clear the dict
    if frame is None:
        if len(_frames) >= MAX_FRAMES:
            _frames.clear()
        frame = _frames[key] = build_chart(drawing, span, GREY).to_dict(validate=False)
    layers = [layer | {"data": {"values": values}} for layer, values in zip(frame["layer"], drawing.data, strict=True)]
    for layer in layers:
        encoding = layer["encoding"]
        if "domain" in encoding.get("x", {}).get("scale", {}):
            layer["encoding"] = encoding | {"x": chart_marks.time(span).to_dict(validate=False)}
    return frame | {"layer": layers, "description": chart_words.description(timeline, style, span)}


def prepare_drawing(
    timeline: Timeline,
    ink: str,
    legend: bool,
    style: str,
    part: tuple[float, float] | None,
    pictures: Mapping[int, str] | None,
) -> tuple[Timeline, tuple[float, float], Drawing]:
    """The timeline of the part, the span (s) of the axis of time, and the Drawing."""
    if part:
        timeline = _clipped(timeline.between(*part), *part)
    until = float(timeline.end[-1]) if len(timeline) else 0.0
    begin = float(timeline.start[0]) if len(timeline) else 0.0
    span = part or (begin, max(timeline.duration, until, begin + chart_axes.TICKS[0]))
    if timeline.people:
        return timeline, span, lane_chart.drawing(timeline, span, style, legend, ink, pictures or {})
    return timeline, span, chart_layers.drawing(timeline, span, style, legend)


def build_chart(drawing: Drawing, span: tuple[float, float], ink: str) -> alt.LayerChart:
    """The chart of a Drawing, without its data."""
    # All in one call: each of Altair's methods copies the whole chart, which takes as long as making it.
    chart: Any = alt.layer(  # typed as any kind of chart by Altair
        *drawing.build(span),
        width="container",
        height=drawing.height,
        background="transparent",
        padding=4,
        usermeta=EMBEDDING,
        config=alt.Config(
            font=FONT,
            # A screen reader reads the description; without this it would read every column and label.
            aria=False,
            mark=alt.MarkConfig(aria=False),
            view=alt.ViewConfig(stroke=None),
            axis=alt.AxisConfig(labelColor=ink, tickColor=ink, domainColor=ink, labelFontSize=12, grid=False),
            legend=alt.LegendConfig(labelColor=ink, labelFontSize=13),
            title=alt.TitleConfig(
                color=ink, subtitleColor=ink, fontSize=17, subtitleFontSize=13, anchor="start", offset=12
            ),
        ),
    )
    return chart


def _clipped(timeline: Timeline, low: float, high: float) -> Timeline:
    """The timeline with its first and last rows cut at ``low`` and ``high`` (s)."""
    start, end = np.maximum(timeline.start, low), np.minimum(timeline.end, high)
    people = tuple(_clipped(person, low, high) for person in timeline.people)
    return replace(timeline, start=start, end=end, people=people)


def empty_spec() -> dict[str, Any]:
    """A specification without data, so that a page can load the code that draws before there is a chart."""
    chart: Any = alt.layer(alt.Chart(alt.Data(values=[])).mark_rect())  # typed as any kind of chart by Altair
    return chart.properties(usermeta=EMBEDDING, description="A chart without data yet").to_dict(validate=False)


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
