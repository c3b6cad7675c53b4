"""The marks and encodings that all charts share: time, the colours of emotions, strips, and tooltips."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from emorec.emotions import BY_VALENCE, COLOURS
from emorec.output import chart_axes, chart_hatch
from emorec.output.chart_axes import GREY
from emorec.output.chart_data import SURE, UNSURE, line_name, rounded

BREAK = "break-paths-show-path-domains"  # a point without a height interrupts its area or line

EVIDENCE = "#6C7BA8"  # also readable on white and on black, and not the colour of an emotion
# Readable on white and on black, and different for colour-blind readers too.
AFFECT_COLOURS = {"valence": "#8A63D2", "arousal": "#B36B00"}
# px of line and of gap: unsure stretches are dotted
DASHES = {SURE: [1, 0], UNSURE: [2, 3]}
AFFECT_DASHES = {
    ("valence", SURE): [1, 0],
    ("valence", UNSURE): [2, 3],
    ("arousal", SURE): [8, 3],
    ("arousal", UNSURE): [2, 6],
}


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """The layers of a chart, and their data.

    ``build`` makes the layers for a span of time (s). They depend on nothing else than the span and ``key``, so
    drawings with equal keys have equal layers. ``data`` are the values of each layer, ``height`` (px) is that of the
    plot.
    """

    key: tuple[Hashable, ...]
    build: Callable[[tuple[float, float]], list[alt.Chart]]
    data: list[list[dict[str, Any]]]
    height: int


def time(span: tuple[float, float]) -> alt.X:
    """The horizontal encoding of ``time``, from the first to the second of ``span`` (s)."""
    domain = [rounded(end) for end in span]
    return alt.X(
        "time:Q", title=None, scale=alt.Scale(domain=domain, nice=False, zero=False), axis=chart_axes.time_axis(*span)
    )


def colours(legend: bool, symbol: str = "square") -> dict[str, Any]:
    """The encoding of ``emotion`` as a colour; ``symbol`` is that of the legend."""
    scale = alt.Scale(domain=list(BY_VALENCE), range=[COLOURS[emotion] for emotion in BY_VALENCE])
    key = alt.Legend(title=None, orient="bottom", columns=len(BY_VALENCE), symbolType=symbol, symbolOpacity=1)
    return {"color": alt.Color("emotion:N", scale=scale, legend=key if legend else None)}


def dashes(legend: bool) -> dict[str, Any]:
    """The encoding of ``certainty`` as dashes."""
    key = alt.Legend(title=None, orient="bottom", symbolType="stroke", symbolStrokeColor=GREY) if legend else None
    scale = alt.Scale(domain=list(DASHES), range=list(DASHES.values()))
    return {"strokeDash": alt.StrokeDash("certainty:N", scale=scale, legend=key)}


def affect_looks(legend: bool) -> dict[str, Any]:
    """The encodings of ``line``, of valence or arousal and sure or not, as a colour and dashes."""
    key = alt.Legend(title=None, orient="bottom", columns=4, symbolType="stroke") if legend else None
    names = [line_name(*line) for line in AFFECT_DASHES]
    colour = alt.Scale(domain=names, range=[AFFECT_COLOURS[dimension] for dimension, _ in AFFECT_DASHES])
    dash = alt.Scale(domain=names, range=list(AFFECT_DASHES.values()))
    return {
        "color": alt.Color("line:N", scale=colour, legend=key),
        "strokeDash": alt.StrokeDash("line:N", scale=dash, legend=key),
    }


def hatching() -> alt.Chart:
    """The strokes of ``chart_hatch`` as one line; the caller adds ``y``, the encoding of ``at``."""
    look = {"color": chart_hatch.COLOUR, "strokeWidth": chart_hatch.WIDTH, "invalid": BREAK}
    # Other lines are sorted by time; the points of strokes must stay in their order.
    return alt.Chart().mark_line(order=False, **look).encode(x=alt.X("time:Q"), y=alt.Y("at:Q"))


def hover(tooltip: Sequence[str]) -> alt.Chart:
    """Invisible rectangles that become visible under the pointer and show the fields of ``tooltip``."""
    pointed = alt.selection_point(name="pointed", on="pointerover", clear="pointerout", empty=False)
    visible = alt.condition(pointed, alt.value(0.25), alt.value(0))
    return (
        boxes(GREY).encode(opacity=visible, tooltip=[alt.Tooltip(f"{name}:N") for name in tooltip]).add_params(pointed)
    )


def boxes(colour: str, **looks: Any) -> alt.Chart:
    """Rectangles from ``start`` to ``end`` and from ``low`` to ``high``."""
    # Channel objects instead of text: to look text up in its schema takes Altair most of the time of making a chart.
    across, along = {"x": alt.X("start:Q"), "x2": alt.X2("end:Q")}, {"y": alt.Y("low:Q"), "y2": alt.Y2("high:Q")}
    return alt.Chart().mark_rect(color=colour, **looks).encode(**across, **along)


def strips() -> alt.Chart:
    """Rectangles whose opacity is their ``coverage``."""
    return boxes(EVIDENCE).encode(opacity=alt.Opacity("coverage:Q", scale=None, legend=None))
