"""The marks and encodings that all charts share: time, the colours of emotions, strips, and what the pointer shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from emorec.affect import DIMENSIONS
from emorec.emotions import COLOURS, EMOTIONS
from emorec.output import chart_axes
from emorec.output.chart_axes import GREY
from emorec.output.chart_data import rounded

BREAK = "break-paths-show-path-domains"  # a point without a height interrupts its area or line

EVIDENCE = "#6C7BA8"  # as readable, and not the colour of an emotion
# Of valence and arousal: readable on white and on black, and not close to each other for colour-blind eyes either.
AFFECT_COLOURS = {"valence": "#8A63D2", "arousal": "#B36B00"}
AFFECT_DASHES = {"valence": [1, 0], "arousal": [6, 3]}  # px of line and of gap


def time(span: tuple[float, float]) -> alt.X:
    """The horizontal encoding of ``time``, from the first to the second of ``span`` (s)."""
    domain = [rounded(end) for end in span]
    return alt.X(
        "time:Q", title=None, scale=alt.Scale(domain=domain, nice=False, zero=False), axis=chart_axes.time_axis(*span)
    )


def colours(legend: bool) -> dict[str, Any]:
    """The encodings of ``emotion`` as a colour and of ``opacity``."""
    scale = alt.Scale(domain=list(EMOTIONS), range=[COLOURS[emotion] for emotion in EMOTIONS])
    key = alt.Legend(title=None, orient="bottom", columns=len(EMOTIONS), symbolType="square", symbolOpacity=1)
    return {"color": alt.Color("emotion:N", scale=scale, legend=key if legend else None), **opacity()}


def affect_looks(legend: bool) -> dict[str, Any]:
    """The encodings of ``dimension``, valence or arousal, as a colour and dashes, and of ``opacity``."""
    key = alt.Legend(title=None, orient="bottom", symbolType="stroke", symbolOpacity=1) if legend else None
    scale = alt.Scale(domain=list(DIMENSIONS), range=[AFFECT_COLOURS[name] for name in DIMENSIONS])
    dashes = alt.Scale(domain=list(DIMENSIONS), range=[AFFECT_DASHES[name] for name in DIMENSIONS])
    return {
        "color": alt.Color("dimension:N", scale=scale, legend=key),
        "strokeDash": alt.StrokeDash("dimension:N", scale=dashes, legend=key),
        **opacity(),
    }


def opacity() -> dict[str, Any]:
    """The encoding of ``opacity``."""
    return {"detail": "opacity:N", "opacity": alt.Opacity("opacity:Q", scale=None, legend=None)}


def hover(tooltip: Sequence[str]) -> alt.Chart:
    """Invisible rectangles that become visible under the pointer and show the fields of ``tooltip``."""
    pointed = alt.selection_point(name="pointed", on="pointerover", clear="pointerout", empty=False)
    visible = alt.condition(pointed, alt.value(0.25), alt.value(0))
    return (
        boxes(GREY).encode(opacity=visible, tooltip=[alt.Tooltip(f"{name}:N") for name in tooltip]).add_params(pointed)
    )


def boxes(colour: str, **looks: Any) -> alt.Chart:
    """Rectangles from ``start`` to ``end`` and from ``low`` to ``high``."""
    return alt.Chart().mark_rect(color=colour, **looks).encode(x="start:Q", x2="end:Q", y="low:Q", y2="high:Q")


def strips() -> alt.Chart:
    """Rectangles whose opacity is their ``coverage``."""
    return boxes(EVIDENCE).encode(opacity=alt.Opacity("coverage:Q", scale=None, legend=None))
