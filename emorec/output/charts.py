"""A timeline as a chart: probabilities over time, stacked or as lines, and below them how much evidence there is."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import altair as alt

from emorec import files
from emorec.emotions import COLOURS, EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.timeline import UNSURE_BELOW, Timeline
from emorec.output import chart_data
from emorec.output.chart_data import BOTTOM, STRIPS, TOOLTIP, clock, rounded
from emorec.output.summary import how, summary

__all__ = ["CONFIDENT", "STYLES", "SUFFIXES", "check_suffix", "clock", "save", "svg_text", "timeline_chart"]

SUFFIXES = (".png", ".svg", ".html")
STYLES = ("stacked", "lines")

HEIGHT = 300  # px
FILE_WIDTH = 1000  # px, all of the picture
NOTEBOOK_WIDTH = 800  # px, the plot alone
FILE_HEIGHT = 360  # px, all of the picture
PNG_SCALE = 2
CONFIDENT = UNSURE_BELOW  # the default that a legend names; a timeline has its own

VEGA_LITE = f"application/vnd.vegalite.v{alt.SCHEMA_VERSION.lstrip('v').partition('.')[0]}+json"  # MIME type

GREY = "#808080"  # readable on white and on black, because a page may be either
EVIDENCE = "#6C7BA8"  # as readable, and not the colour of an emotion
INK = "#333333"
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"

BREAK = "break-paths-show-path-domains"  # a point without a height interrupts its area or line

# Seconds between two labels of time; above the last, whole multiples of it.
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
MAX_TICKS = 10
HOUR = 3600

Drawable = Timeline | alt.LayerChart


def timeline_chart(
    timeline: Timeline,
    title: str | None = None,
    subtitle: str | list[str] | None = None,
    ink: str = GREY,
    legend: bool = True,
    style: str = "stacked",
) -> alt.LayerChart:
    """A chart of a timeline on a transparent background, as wide as its place in the page.

    ``subtitle`` is a line or a list of lines. ``ink`` is the colour of text. ``style`` is "stacked", with the
    probabilities of each time on top of each other, or "lines", with one line per emotion.
    """
    columns = chart_data.columns(timeline)
    until = float(timeline.end[-1]) if len(timeline) else 0.0
    begin = float(timeline.start[0]) if len(timeline) else 0.0
    span = begin, max(timeline.duration, until, begin + TICKS[0])
    tracks = _boxes(EVIDENCE, opacity=0.14)  # the whole time, whatever the coverage
    strips = _boxes(EVIDENCE).encode(opacity=alt.Opacity("coverage:Q", scale=None, legend=None))
    shapes = _lines(span, legend) if style == "lines" else _areas(span, legend)
    chart: Any = alt.layer(tracks, shapes, strips, _hover())  # typed as any kind of chart by Altair
    if title:
        chart = chart.properties(title=alt.TitleParams(files.shown(title), subtitle=subtitle or alt.Undefined))
    embedding = {"embedOptions": {"actions": False, "renderer": "svg"}}
    chart = (
        chart.properties(width="container", height=HEIGHT, background="transparent", padding=4, usermeta=embedding)
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(labelColor=ink, tickColor=ink, domainColor=ink, labelFontSize=12, grid=False)
        .configure_legend(labelColor=ink, labelFontSize=13)
        .configure_title(color=ink, subtitleColor=ink, fontSize=17, subtitleFontSize=13, anchor="start", offset=12)
    )
    # The data come last, as plain values: Altair would copy and check all of them at every step above.
    tracked = [chart_data.box(begin, until, low, high) for low, high in STRIPS.values()]
    points = chart_data.line_points(columns) if style == "lines" else chart_data.area_points(columns)
    data = (tracked, points, chart_data.evidence_boxes(columns), chart_data.column_boxes(columns))
    for layer, values in zip(chart.layer, data, strict=True):
        layer.data = {"values": values}
    return chart


def notebook_chart(timeline: Timeline, style: str = "stacked") -> alt.LayerChart:
    """The chart as a notebook shows it, with a title and a fixed width. Raises EmorecError for an unknown style."""
    if style not in STYLES:
        raise EmorecError(f"The style {style!r} does not exist; choose from {', '.join(STYLES)}.")
    chart = timeline_chart(timeline, *_titles(timeline), style=style)
    return chart.properties(width=NOTEBOOK_WIDTH)


def check_suffix(file: str | Path) -> None:
    """Raise EmorecError unless a chart can be saved under that name."""
    if Path(file).suffix.lower() not in SUFFIXES:
        raise EmorecError(f"A chart cannot be saved as {Path(file).name}; end the name in .png, .svg or .html.")


def save(chart: Drawable, file: str | Path) -> None:
    """Save a chart, or the chart of a timeline, as PNG, SVG or HTML that works offline, by the suffix of the name.

    Missing folders are made. Raises EmorecError for another suffix, or if the file cannot be written.
    """
    check_suffix(file)
    file = Path(file)
    files.write_result(file, _content(chart, file.suffix.lower()[1:]))


def svg_text(chart: Drawable) -> str:
    """A chart, or the chart of a timeline, as the text of an SVG picture on white."""
    return _content(chart, "svg").decode()


def _content(chart: Drawable, kind: str) -> bytes:
    """The content of a chart's file, "png", "svg" or "html"."""
    if isinstance(chart, Timeline):
        chart = timeline_chart(chart, *_titles(chart), ink=INK)
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    chart = chart.properties(width=FILE_WIDTH, height=FILE_HEIGHT, background="white", padding=16, autosize=fit)
    if kind == "png":
        picture = io.BytesIO()
        chart.save(picture, format="png", scale_factor=PNG_SCALE)
        return picture.getvalue()
    text = io.StringIO()
    if kind == "html":
        chart.save(text, format="html", inline=True)
    else:
        chart.save(text, format="svg")
    return text.getvalue().encode()


def _titles(timeline: Timeline) -> tuple[str, list[str]]:
    key = f"faint: unsure (confidence below {timeline.unsure_below:.0%}, or no evidence of its own), blank: no evidence"
    lines = [summary(timeline).warning, files.shown(f"{how(timeline)}; {key}")]
    return Path(str(timeline.media.get("name", ""))).name or "Emotions over time", [line for line in lines if line]


def _areas(span: tuple[float, float], legend: bool) -> alt.Chart:
    return (
        alt.Chart()
        .mark_area(interpolate="step-after", invalid=BREAK)
        .encode(x=_time(span), y=_probability("low:Q", stack=None), y2="high:Q", **_colours(legend))
    )


def _lines(span: tuple[float, float], legend: bool) -> alt.Chart:
    return (
        alt.Chart()
        .mark_line(strokeWidth=2, invalid=BREAK)
        .encode(x=_time(span), y=_probability("probability:Q"), **_colours(legend))
    )


def _time(span: tuple[float, float]) -> alt.X:
    domain = [rounded(time) for time in span]
    return alt.X("time:Q", title=None, scale=alt.Scale(domain=domain, nice=False), axis=_time_axis(*span))


def _probability(field: str, **how: Any) -> alt.Y:
    return alt.Y(field, title=None, scale=alt.Scale(domain=[BOTTOM, 1], nice=False), axis=_value_axis(), **how)


def _colours(legend: bool) -> dict[str, Any]:
    colours = alt.Scale(domain=list(EMOTIONS), range=[COLOURS[emotion] for emotion in EMOTIONS])
    key = alt.Legend(title=None, orient="bottom", columns=len(EMOTIONS), symbolType="square", symbolOpacity=1)
    return {
        "detail": "opacity:N",
        "color": alt.Color("emotion:N", scale=colours, legend=key if legend else None),
        "opacity": alt.Opacity("opacity:Q", scale=None, legend=None),
    }


def _hover() -> alt.Chart:
    """Invisible rectangles that become visible under the pointer and show a tooltip."""
    pointed = alt.selection_point(name="pointed", on="pointerover", clear="pointerout", empty=False)
    visible = alt.condition(pointed, alt.value(0.25), alt.value(0))
    return (
        _boxes(GREY).encode(opacity=visible, tooltip=[alt.Tooltip(f"{name}:N") for name in TOOLTIP]).add_params(pointed)
    )


def _boxes(colour: str, **looks: Any) -> alt.Chart:
    return alt.Chart().mark_rect(color=colour, **looks).encode(x="start:Q", x2="end:Q", y="low:Q", y2="high:Q")


def _time_axis(begin: float, end: float) -> alt.Axis:
    total = end - begin
    step = next((tick for tick in TICKS if total / tick <= MAX_TICKS), None) or HOUR * -(-total // (HOUR * MAX_TICKS))
    values = [rounded(count * step) for count in range(math.ceil(begin / step - 1e-6), int(end / step + 1e-6) + 1)]
    seconds = "pad(format(datum.value % 60, '.1~f'), datum.value % 1 ? 4 : 2, '0', 'left')"
    minutes = "floor(datum.value / 60)"
    if end >= HOUR:
        minutes = f"floor(datum.value / {HOUR}) + ':' + pad(floor(datum.value / 60) % 60, 2, '0', 'left')"
    label = f"{minutes} + ':' + {seconds}"
    return alt.Axis(values=values, labelExpr=label, labelOverlap="greedy", labelSeparation=10, labelFlush=True)


def _value_axis() -> alt.Axis:
    middles = {name: sum(ends) / 2 for name, ends in STRIPS.items()}
    names = " : ".join(f"abs(datum.value - {middle}) < 0.01 ? '{name}'" for name, middle in middles.items())
    label = f"{names} : format(datum.value, '.0%')"
    return alt.Axis(values=[*middles.values(), 0, 0.5, 1], labelExpr=label, domain=False, ticks=False, labelPadding=6)
