"""A Timeline drawn: probabilities stacked over time, and beneath them how much was seen and heard."""

import io
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import numpy as np

from emorec import files
from emorec.emotions import COLOURS, EMOJI, EMOTIONS
from emorec.errors import EmorecError
from emorec.timeline import Timeline

SUFFIXES = (".png", ".svg", ".html")

MAX_COLUMNS = 600  # more would be narrower than a pixel, and slow in a browser
CONFIDENT = 0.4  # probability of the likeliest emotion from which on a column is drawn at full strength
PALE = 0.4  # opacity below that

HEIGHT = 300  # px
FILE_WIDTH = 1000  # px, all of the picture
FILE_HEIGHT = 360  # px, all of the picture
PNG_SCALE = 2
GREY = "#808080"  # readable on white and on black, for a page may be either
EVIDENCE = "#6C7BA8"  # as readable, and no emotion's colour
INK = "#333333"
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"

# The strips of evidence hang below zero on the scale of probabilities: charts that are joined cannot take their
# width from a page, so all is one chart. Bottom and top of each:
STRIPS = {"face": (-0.13, -0.05), "speech": (-0.24, -0.16)}
BOTTOM = -0.26

TOLD = ("Time", "Emotion", "Probability", "Face seen", "Speech heard")  # by a column that the pointer rests on

# Seconds between two labels of time; above the last, whole multiples of it.
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
MAX_TICKS = 10
HOUR = 3600


@dataclass(frozen=True)
class Columns:
    """What is drawn: rows of a timeline, joined where there are too many.

    ``probabilities`` (C, 7) add up to ``known``, the share of the column's time that has evidence, so gaps between
    joined rows lower a column instead of vanishing.
    """

    start: np.ndarray
    end: np.ndarray
    probabilities: np.ndarray
    known: np.ndarray
    face: np.ndarray
    speech: np.ndarray

    @property
    def confidence(self):
        """Mean probability of the likeliest emotion where there is evidence: (C,), 0 where there is none."""
        best = self.probabilities.max(axis=1, initial=0.0)
        return np.divide(best, self.known, out=np.zeros_like(best), where=self.known > 0)


def columns(timeline, most=MAX_COLUMNS):
    """The rows of a timeline as at most ``most`` Columns, means of as many rows each, weighted by their length."""
    rows = len(timeline)
    first = np.arange(0, rows, max(1, -(-rows // most)))
    last = np.append(first[1:], rows)[: len(first)] - 1
    lengths = timeline.end - timeline.start

    def mean(values):
        if not rows:
            return values
        weights = lengths.reshape(-1, *[1] * (values.ndim - 1))
        return np.add.reduceat(values * weights, first) / np.add.reduceat(weights, first)

    return Columns(
        start=timeline.start[first],
        end=timeline.end[last],
        probabilities=mean(np.nan_to_num(timeline.probabilities)),
        known=mean(timeline.known.astype(float)),
        face=mean(timeline.face_coverage),
        speech=mean(timeline.speech_coverage),
    )


def timeline_chart(timeline, title=None, subtitle=None, ink=GREY, legend=True):
    """An ``alt.LayerChart`` of a timeline, on a transparent ground and as wide as the page gives room for."""
    drawn = columns(timeline)
    until = float(timeline.end[-1]) if len(timeline) else 0.0
    total = max(timeline.duration, until, TICKS[0])
    tracks = _boxes(EVIDENCE, opacity=0.14)  # no coverage at all, and yet looked at
    strips = _boxes(EVIDENCE).encode(opacity=alt.Opacity("coverage:Q", scale=None, legend=None))
    chart = alt.layer(tracks, _areas(total, legend), strips, _hover())
    if title:
        chart = chart.properties(title=alt.TitleParams(title, subtitle=subtitle or alt.Undefined))
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
    tracked = [_box(0, until, low, high) for low, high in STRIPS.values()]
    data = (tracked, _area_points(drawn), _evidence_boxes(drawn), _column_boxes(drawn))
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
    if isinstance(chart, Timeline):
        chart = timeline_chart(chart, *_titles(chart), ink=INK)
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    chart = chart.properties(width=FILE_WIDTH, height=FILE_HEIGHT, background="white", padding=16, autosize=fit)
    kind = file.suffix.lower()[1:]
    text = io.BytesIO() if kind == "png" else io.StringIO()
    settings = {"png": {"scale_factor": PNG_SCALE}, "svg": {}, "html": {"inline": True}}[kind]
    chart.save(text, format=kind, **settings)
    content = text.getvalue() if kind == "png" else text.getvalue().encode()
    files.write_result(file, content)


def clock(seconds):
    """A time as m:ss, from an hour on as h:mm:ss; with tenths unless it is whole."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    text = f"{tenths // 10:02d}" + (f".{tenths % 10}" if tenths % 10 else "")
    return f"{minutes // 60}:{minutes % 60:02d}:{text}" if minutes >= 60 else f"{minutes}:{text}"


def _titles(timeline):
    made = f"{timeline.fusion} fusion, {timeline.step:g} s steps"
    key = f"fainter: likeliest emotion below {CONFIDENT:.0%}, blank: no evidence"
    return Path(str(timeline.media.get("name", ""))).name or "Emotions over time", f"{made}; {key}"


def _areas(total, legend):
    across, up = (alt.Scale(domain=[low, high], nice=False) for low, high in ((0, _rounded(total)), (BOTTOM, 1)))
    colours = alt.Scale(domain=list(EMOTIONS), range=[COLOURS[emotion] for emotion in EMOTIONS])
    key = alt.Legend(title=None, orient="bottom", columns=len(EMOTIONS), symbolType="square", symbolOpacity=1)
    return (
        alt.Chart()
        .mark_area(interpolate="step-after")
        .encode(
            x=alt.X("time:Q", title=None, scale=across, axis=_time_axis(total)),
            y=alt.Y("low:Q", title=None, scale=up, axis=_value_axis(), stack=None),
            y2="high:Q",
            detail="run:N",
            color=alt.Color("emotion:N", scale=colours, legend=key if legend else None),
            opacity=alt.Opacity("opacity:Q", scale=None, legend=None),
        )
    )


def _area_points(drawn):
    """Corners of the stacked emotions. A new area begins wherever evidence or confidence does: that makes the gaps."""
    certain = drawn.confidence >= CONFIDENT
    high = np.cumsum(drawn.probabilities, axis=1)
    low = high - drawn.probabilities
    points = []
    for run in _runs(np.where(drawn.known > 0, 1 + certain, 0)):
        if drawn.known[run[0]] == 0:
            continue
        opacity = 1.0 if certain[run[0]] else PALE
        # The last column is told twice, so that its step reaches its end.
        for time, column in zip([*drawn.start[run], drawn.end[run[-1]]], [*run, run[-1]], strict=True):
            for index, emotion in enumerate(EMOTIONS):
                place = {"low": _rounded(low[column, index]), "high": _rounded(high[column, index])}
                looks = {"emotion": emotion, "opacity": opacity, "run": int(run[0])}
                points.append({"time": _rounded(time)} | place | looks)
    return points


def _evidence_boxes(drawn):
    """Face seen and speech heard, stronger where there was more. Like neighbours are one box, so no seams show."""
    boxes = []
    for name, (low, high) in STRIPS.items():
        coverage = np.round(getattr(drawn, name), 1)
        for run in _runs(coverage):
            if coverage[run[0]] > 0:
                box = _box(drawn.start[run[0]], drawn.end[run[-1]], low, high)
                boxes.append(box | {"coverage": _rounded(coverage[run[0]])})
    return boxes


def _hover():
    """Invisible boxes that light up under the pointer and say what is there."""
    pointed = alt.selection_point(name="pointed", on="pointerover", clear="pointerout", empty=False)
    lit = alt.condition(pointed, alt.value(0.25), alt.value(0))
    return _boxes(GREY).encode(opacity=lit, tooltip=[alt.Tooltip(f"{name}:N") for name in TOLD]).add_params(pointed)


def _column_boxes(drawn):
    confidence = drawn.confidence
    boxes = []
    for column, known in enumerate(drawn.known > 0):
        emotion = EMOTIONS[drawn.probabilities[column].argmax()]
        told = (
            f"{clock(drawn.start[column])} – {clock(drawn.end[column])}",
            f"{EMOJI[emotion]} {emotion}" if known else "no evidence",
            f"{confidence[column]:.0%}" if known else "–",
            f"{drawn.face[column]:.0%}",
            f"{drawn.speech[column]:.0%}",
        )
        boxes.append(_box(drawn.start[column], drawn.end[column], BOTTOM, 1) | dict(zip(TOLD, told, strict=True)))
    return boxes


def _boxes(colour, **looks):
    return alt.Chart().mark_rect(color=colour, **looks).encode(x="start:Q", x2="end:Q", y="low:Q", y2="high:Q")


def _box(start, end, low, high):
    return {"start": _rounded(start), "end": _rounded(end), "low": low, "high": high}


def _runs(values):
    """Indices of values (N,), split wherever a value differs from the one before; no empty ones."""
    return np.split(np.arange(len(values)), np.flatnonzero(np.diff(values)) + 1) if len(values) else []


def _time_axis(total):
    step = next((tick for tick in TICKS if total / tick <= MAX_TICKS), None) or HOUR * -(-total // (HOUR * MAX_TICKS))
    values = [_rounded(count * step) for count in range(int(total / step + 1e-6) + 1)]
    seconds = "pad(format(datum.value % 60, '.1~f'), datum.value % 1 ? 4 : 2, '0', 'left')"
    minutes = "floor(datum.value / 60)"
    if total >= HOUR:
        minutes = f"floor(datum.value / {HOUR}) + ':' + pad(floor(datum.value / 60) % 60, 2, '0', 'left')"
    told = f"{minutes} + ':' + {seconds}"
    return alt.Axis(values=values, labelExpr=told, labelOverlap="greedy", labelSeparation=10, labelFlush=True)


def _value_axis():
    middles = {name: sum(ends) / 2 for name, ends in STRIPS.items()}
    names = " : ".join(f"abs(datum.value - {middle}) < 0.01 ? '{name}'" for name, middle in middles.items())
    told = f"{names} : format(datum.value, '.0%')"
    return alt.Axis(values=[*middles.values(), 0, 0.5, 1], labelExpr=told, domain=False, ticks=False, labelPadding=6)


def _rounded(value):
    return round(float(value), 4)
