"""Markers on the chart of a timeline, and the chart of the mean timeline around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from emorec import files
from emorec.affect import DIMENSIONS
from emorec.annotation import Marker
from emorec.emotions import COLOURS, EMOTIONS
from emorec.output.chart_data import clock, rounded
from emorec.output.markers import MEASURES, Around

RULE = "#111111"  # visible on the colours of the emotions
HALO = "#FFFFFF"  # beside a rule, so that it is visible on dark colours too
MAX_LABELS = 40  # more would cover each other, and their rules the chart; then ticks have the labels in their tooltips
TICK = 12  # px of a tick, from the upper edge of the chart
MAX_WORDS = 110  # px of a label
MAX_PANELS = 8  # labels whose averages are drawn
WIDTH, HEIGHT = 400, 150  # px of a panel


def rules(markers: Sequence[Marker], top: float, longest: int = MAX_WORDS) -> list[alt.Chart]:
    """Layers for a chart over time: a rule at each marker, with its label beside it, or a tick if they are many.

    ``top`` is the value of the vertical scale at which labels begin, ``longest`` their greatest length (px).
    """
    values = [
        {"time": rounded(each.time), "marker": files.shown(each.label), "at": clock(each.time)} for each in markers
    ]
    data = alt.Data(values=values)
    tooltip = [alt.Tooltip("at:N", title="Time"), alt.Tooltip("marker:N", title="Marker")]
    base = alt.Chart(data).encode(x="time:Q", tooltip=tooltip)
    if len(markers) > MAX_LABELS:
        short = base.encode(y=alt.value(0), y2=alt.value(TICK))
        return [short.mark_rule(color=HALO, strokeWidth=3, opacity=0.7), short.mark_rule(color=RULE, strokeWidth=1.2)]
    layers = [
        base.mark_rule(color=HALO, strokeWidth=3, opacity=0.7),
        base.mark_rule(color=RULE, strokeWidth=1.2, strokeDash=[5, 3]),
    ]
    look: dict[str, Any] = {"angle": 270, "align": "right", "baseline": "bottom", "dx": -4, "dy": -3}
    look |= {"fontSize": 11, "limit": longest, "clip": True}
    text = base.encode(text="marker:N", y=alt.datum(top))
    layers += [
        text.mark_text(**look, stroke=HALO, strokeWidth=3, color=HALO, opacity=0.85),
        text.mark_text(**look, color=RULE),
    ]
    return layers


def around_chart(averages: Sequence[Around], title: str, ink: str, font: str) -> alt.VConcatChart:
    """For each label, the change of the probabilities, and of valence and arousal, from the mean before the marker.

    If nothing is known before the marker, it shows the means themselves. ``ink`` is the colour of text.
    """
    rows = []
    changes = [_has_change(each) for each in averages]
    for index, each in enumerate(averages[:MAX_PANELS]):
        last = index == min(len(averages), MAX_PANELS) - 1
        words = files.shown(f"{each.label} ({each.markers} marker{'s' if each.markers > 1 else ''})")
        emotions = alt.Scale(domain=list(EMOTIONS), range=[COLOURS[name] for name in EMOTIONS])
        dimensions = alt.Scale(domain=list(DIMENSIONS), range=["#0072B2", "#D55E00"])
        change = changes[index]
        left = _panel(each, EMOTIONS, emotions, words, "change of probability" if change else "probability", last)
        right = _panel(each, DIMENSIONS, dimensions, "", "change" if change else "mean", last)
        rows.append(alt.hconcat(left, right, spacing=40).resolve_scale(color="independent"))
    more = len(averages) - MAX_PANELS
    subtitle = (
        "Change from the mean before the marker" if any(changes) else "Means, as nothing before the marker is known"
    )
    subtitle += ", or means where nothing before it is known" if any(changes) and not all(changes) else ""
    subtitle += "; bands hold 95 % of resamples of the markers."
    subtitle += f" {more} more labels are in the table." if more > 0 else ""
    chart: Any = alt.vconcat(*rows, spacing=24)
    return (
        chart.properties(title=alt.TitleParams(files.shown(title), subtitle=subtitle), background="white", padding=16)
        .configure(font=font)
        .configure_view(stroke=None)
        .configure_axis(labelColor=ink, titleColor=ink, titleFontWeight="normal", grid=False)
        .configure_title(color=ink, subtitleColor=ink, anchor="start", fontSize=15, subtitleFontSize=12)
    )


def _has_change(each: Around) -> bool:
    """Whether the change from the mean before the marker is known for any measure."""
    return bool(np.isfinite(each.change).any())


def _panel(each: Around, names: Sequence[str], scale: alt.Scale, title: str, words: str, legend: bool) -> Any:
    change = _has_change(each)
    shown = (each.change, each.change_low, each.change_high) if change else (each.mean, each.low, each.high)
    field = "change" if change else "mean"
    values = [
        {"lag": rounded(lag), "measure": name, **dict(zip((field, "low", "high"), map(_or_none, cells), strict=True))}
        for row, lag in enumerate(each.lag)
        for name in names
        if not np.isnan((cells := [part[row, MEASURES.index(name)] for part in shown])[0])
    ]
    key = alt.Legend(title=None, orient="bottom", columns=len(names), symbolOpacity=1) if legend else None
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("lag:Q", title="s after the marker", scale=alt.Scale(domain=_span(each), nice=False)),
        color=alt.Color("measure:N", scale=scale, legend=key, sort=list(names)),
    )
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=words), y2="high:Q")
    line = base.mark_line(strokeWidth=2).encode(
        y=alt.Y(f"{field}:Q", title=words), tooltip=["measure:N", "lag:Q", f"{field}:Q", "low:Q", "high:Q"]
    )
    begin = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color="#808080", strokeDash=[4, 4]).encode(x="zero:Q")
    level = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color="#808080", opacity=0.4).encode(y="zero:Q")
    heading = alt.TitleParams(title or " ", fontSize=13)
    return alt.layer(level, begin, band, line).properties(width=WIDTH, height=HEIGHT, title=heading)


def _span(each: Around) -> list[float]:
    half = (each.lag[1] - each.lag[0]) / 2 if len(each.lag) > 1 else 0.5
    return [rounded(each.lag[0] - half), rounded(each.lag[-1] + half)]


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else rounded(value)
