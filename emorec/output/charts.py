"""A Timeline drawn: probabilities over time, stacked or as lines, and beneath them how much was seen and heard."""

import io
import math
from pathlib import Path

import altair as alt

from emorec import files
from emorec.emotions import COLOURS, EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.timeline import UNSURE_BELOW, Timeline
from emorec.output import chart_data
from emorec.output.chart_data import BOTTOM, STRIPS, TOLD, clock, rounded
from emorec.output.summary import how, summary

__all__ = ["CONFIDENT", "STYLES", "SUFFIXES", "check_suffix", "clock", "save", "svg_text", "timeline_chart"]

SUFFIXES = (".png", ".svg", ".html")
STYLES = ("stacked", "lines")

HEIGHT = 300  # px
FILE_WIDTH = 1000  # px, all of the picture
FILE_HEIGHT = 360  # px, all of the picture
PNG_SCALE = 2
CONFIDENT = UNSURE_BELOW  # the default that a legend speaks of; a timeline has its own

GREY = "#808080"  # readable on white and on black, for a page may be either
EVIDENCE = "#6C7BA8"  # as readable, and no emotion's colour
INK = "#333333"
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"

BREAK = "break-paths-show-path-domains"  # what a point without a height does to its area or line

# Seconds between two labels of time; above the last, whole multiples of it.
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
MAX_TICKS = 10
HOUR = 3600


def timeline_chart(timeline, title=None, subtitle=None, ink=GREY, legend=True, style="stacked"):
    """An ``alt.LayerChart`` of a timeline, on a transparent ground and as wide as the page gives room for.

    ``subtitle`` is a line or a list of lines. ``style`` is "stacked", every moment's probabilities on top of each
    other, or "lines", one line an emotion.
    """
    drawn = chart_data.columns(timeline)
    until = float(timeline.end[-1]) if len(timeline) else 0.0
    begin = float(timeline.start[0]) if len(timeline) else 0.0
    span = begin, max(timeline.duration, until, begin + TICKS[0])
    tracks = _boxes(EVIDENCE, opacity=0.14)  # no coverage at all, and yet looked at
    strips = _boxes(EVIDENCE).encode(opacity=alt.Opacity("coverage:Q", scale=None, legend=None))
    shapes = _lines(span, legend) if style == "lines" else _areas(span, legend)
    chart = alt.layer(tracks, shapes, strips, _hover())
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
    # The data come last, and as plain values: Altair would copy and check every one of them at every step above.
    tracked = [chart_data.box(begin, until, low, high) for low, high in STRIPS.values()]
    points = chart_data.line_points(drawn) if style == "lines" else chart_data.area_points(drawn)
    data = (tracked, points, chart_data.evidence_boxes(drawn), chart_data.column_boxes(drawn))
    for layer, values in zip(chart.layer, data, strict=True):
        layer.data = {"values": values}
    return chart


def check_suffix(file):
    """Raise EmorecError unless a chart can be saved under that name."""
    if Path(file).suffix.lower() not in SUFFIXES:
        raise EmorecError(f"A chart cannot be saved as {Path(file).name}; end the name in .png, .svg or .html.")


def save(chart, file):
    """Save a chart, or a Timeline drawn as one, as PNG, SVG or HTML that works offline, by the file's suffix.

    Missing folders are made. Raises EmorecError for another suffix, or where nothing can be written.
    """
    check_suffix(file)
    file = Path(file)
    files.write_result(file, _content(chart, file.suffix.lower()[1:]))


def svg_text(chart):
    """A chart, or a Timeline drawn as one, as the text of an SVG picture on white."""
    return _content(chart, "svg").decode()


def _content(chart, kind):
    if isinstance(chart, Timeline):
        chart = timeline_chart(chart, *_titles(chart), ink=INK)
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    chart = chart.properties(width=FILE_WIDTH, height=FILE_HEIGHT, background="white", padding=16, autosize=fit)
    text = io.BytesIO() if kind == "png" else io.StringIO()
    settings = {"png": {"scale_factor": PNG_SCALE}, "svg": {}, "html": {"inline": True}}[kind]
    chart.save(text, format=kind, **settings)
    return text.getvalue() if kind == "png" else text.getvalue().encode()


def _titles(timeline):
    key = f"faint: unsure (confidence below {timeline.unsure_below:.0%}, or no evidence of its own), blank: no evidence"
    lines = [summary(timeline).warning, files.shown(f"{how(timeline)}; {key}")]
    return Path(str(timeline.media.get("name", ""))).name or "Emotions over time", [line for line in lines if line]


def _areas(span, legend):
    return (
        alt.Chart()
        .mark_area(interpolate="step-after", invalid=BREAK)
        .encode(x=_across(span), y=_up("low:Q", stack=None), y2="high:Q", **_looks(legend))
    )


def _lines(span, legend):
    return (
        alt.Chart()
        .mark_line(strokeWidth=2, invalid=BREAK)
        .encode(x=_across(span), y=_up("probability:Q"), **_looks(legend))
    )


def _across(span):
    domain = [rounded(time) for time in span]
    return alt.X("time:Q", title=None, scale=alt.Scale(domain=domain, nice=False), axis=_time_axis(*span))


def _up(field, **how):
    return alt.Y(field, title=None, scale=alt.Scale(domain=[BOTTOM, 1], nice=False), axis=_value_axis(), **how)


def _looks(legend):
    colours = alt.Scale(domain=list(EMOTIONS), range=[COLOURS[emotion] for emotion in EMOTIONS])
    key = alt.Legend(title=None, orient="bottom", columns=len(EMOTIONS), symbolType="square", symbolOpacity=1)
    return {
        "detail": "opacity:N",
        "color": alt.Color("emotion:N", scale=colours, legend=key if legend else None),
        "opacity": alt.Opacity("opacity:Q", scale=None, legend=None),
    }


def _hover():
    """Invisible boxes that light up under the pointer and say what is there."""
    pointed = alt.selection_point(name="pointed", on="pointerover", clear="pointerout", empty=False)
    lit = alt.condition(pointed, alt.value(0.25), alt.value(0))
    return _boxes(GREY).encode(opacity=lit, tooltip=[alt.Tooltip(f"{name}:N") for name in TOLD]).add_params(pointed)


def _boxes(colour, **looks):
    return alt.Chart().mark_rect(color=colour, **looks).encode(x="start:Q", x2="end:Q", y="low:Q", y2="high:Q")


def _time_axis(begin, end):
    total = end - begin
    step = next((tick for tick in TICKS if total / tick <= MAX_TICKS), None) or HOUR * -(-total // (HOUR * MAX_TICKS))
    values = [rounded(count * step) for count in range(math.ceil(begin / step - 1e-6), int(end / step + 1e-6) + 1)]
    seconds = "pad(format(datum.value % 60, '.1~f'), datum.value % 1 ? 4 : 2, '0', 'left')"
    minutes = "floor(datum.value / 60)"
    if end >= HOUR:
        minutes = f"floor(datum.value / {HOUR}) + ':' + pad(floor(datum.value / 60) % 60, 2, '0', 'left')"
    told = f"{minutes} + ':' + {seconds}"
    return alt.Axis(values=values, labelExpr=told, labelOverlap="greedy", labelSeparation=10, labelFlush=True)


def _value_axis():
    middles = {name: sum(ends) / 2 for name, ends in STRIPS.items()}
    names = " : ".join(f"abs(datum.value - {middle}) < 0.01 ? '{name}'" for name, middle in middles.items())
    told = f"{names} : format(datum.value, '.0%')"
    return alt.Axis(values=[*middles.values(), 0, 0.5, 1], labelExpr=told, domain=False, ticks=False, labelPadding=6)
