"""Means of several recordings as a chart: a bar for each emotion, with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from emorec.emotions import COLOURS, EMOTIONS
from emorec.output.chart_axes import GREY

UNSURE = "#999999"
HEIGHT = 24  # px of each bar

# The name of a measure, its mean, and the low and the high end of its interval, None without one.
Bar = tuple[str, float, float | None, float | None]


def group_chart(bars: Sequence[Bar]) -> alt.LayerChart:
    """A chart of the bars of emotions and "unsure" (shares from 0 to 1), with a transparent background.

    It is as wide as its place in the page.
    """
    order = [*EMOTIONS, "unsure"]
    rows = [
        {"measure": name, "mean": mean, "low": low, "high": high} for name, mean, low, high in bars if name in order
    ]
    names = [row["measure"] for row in rows]
    y = alt.Y("measure:N", sort=names, title=None)
    axis = alt.Axis(format="%", title="share of the time with evidence", titleColor=GREY)
    base: Any = alt.Chart(alt.Data(values=rows))
    shades = alt.Scale(domain=names, range=[COLOURS.get(name, UNSURE) for name in names])
    drawn = base.mark_bar(opacity=0.8).encode(
        x=alt.X("mean:Q", scale=alt.Scale(domain=[0, 1]), axis=axis),
        y=y,
        color=alt.Color("measure:N", scale=shades, legend=None),
        tooltip=[
            alt.Tooltip("measure:N"),
            alt.Tooltip("mean:Q", format=".0%"),
            alt.Tooltip("low:Q", format=".0%"),
            alt.Tooltip("high:Q", format=".0%"),
        ],
    )
    intervals = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2, color=GREY)
        .encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    )
    words = "; ".join(f"{row['measure']} {row['mean']:.0%}" for row in rows)
    chart: Any = alt.layer(drawn, intervals)
    return (
        chart.properties(width="container", height=HEIGHT * max(len(rows), 1), background="transparent", padding=4)
        .properties(
            usermeta={"embedOptions": {"actions": False, "renderer": "svg"}}, description=f"Group means: {words}"
        )
        .configure(aria=False)
        .configure_mark(aria=False)
        .configure_view(stroke=None)
        .configure_axis(labelColor=GREY, tickColor=GREY, domainColor=GREY, labelFontSize=12, grid=False)
    )
