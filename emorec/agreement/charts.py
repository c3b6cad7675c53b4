"""The chart of a comparison: labels and result over time, confusion, calibration, and the fit of every shift."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from emorec import files
from emorec.agreement.measures import LEAST_BLOCKS, ComparisonData
from emorec.emotions import COLOURS, EMOTIONS
from emorec.output import chart_axes, chart_hatch, chart_marks
from emorec.output.chart_data import SURE, UNSURE, rounded
from emorec.output.charts import FONT, HEIGHT, INK

WIDTH, PANEL = 900, 240  # px
LANE = 22  # px
EDGE = 0.08  # of a lane, free above and below its boxes
BLUE = "#0072B2"
MAX_LANES = 8  # persons whose lanes are drawn


def comparison_chart(comparison: ComparisonData) -> alt.VConcatChart:
    """Lanes of labels and result over time, if they are of one recording, above three panels."""
    below = alt.hconcat(_confusion(comparison), _calibration(comparison), _shifts(comparison), spacing=50)
    every = comparison.every
    subtitle = (
        f"Krippendorff's alpha {every.alpha}, Cohen's kappa {every.kappa}, {every.rows} rows; "
        f"sure rows only: alpha {comparison.sure.alpha}, {comparison.sure.rows} rows"
    )
    title = files.shown(f"{comparison.result} beside {comparison.labels}")
    over_time = [] if len(comparison.recordings) else [_lanes(comparison)]  # times of several have no common axis
    chart: Any = alt.vconcat(*over_time, below, spacing=40)
    return (
        chart.properties(title=alt.TitleParams(title, subtitle=subtitle), background="white", padding=16)
        .configure(font=FONT)
        .configure_view(stroke=None)
        .configure_axis(labelColor=INK, titleColor=INK, titleFontWeight="normal", grid=False, labelFontSize=12)
        .configure_legend(labelFontSize=12)
        .configure_title(color=INK, subtitleColor=INK, anchor="start", fontSize=15, subtitleFontSize=12)
    )


def _lanes(comparison: ComparisonData) -> Any:
    persons = list(dict.fromkeys(comparison.persons.tolist()))
    several = len(np.unique(comparison.start)) < len(comparison.start)
    span = float(comparison.start.min()), float(comparison.end.max())
    lanes: list[str] = []
    boxes: list[dict[str, Any]] = []
    strokes: list[dict[str, Any]] = []
    for person in persons[:MAX_LANES] if several else [None]:
        rows = comparison.persons == person if several else np.ones(len(comparison.start), bool)
        whose = f", person {person}" if several else ""
        boxes += _boxes(comparison, rows, f"labels{whose}", comparison.label, len(lanes))
        boxes += _boxes(comparison, rows, f"result{whose}", comparison.dominant, len(lanes) + 1)
        strokes += _strokes(comparison, rows, span, len(lanes) + 1)
        lanes += [f"labels{whose}", f"result{whose}"]
    colours = alt.Scale(domain=list(EMOTIONS), range=[COLOURS[emotion] for emotion in EMOTIONS])
    scale = alt.Scale(domain=[0, len(lanes)], nice=False, reverse=True)
    axis = alt.Axis(
        values=[lane + 0.5 for lane in range(len(lanes))],
        labelExpr=f"{json.dumps(lanes)}[floor(datum.value)]",
        domain=False,
        ticks=False,
        grid=False,
    )
    rectangles = (
        alt.Chart(alt.Data(values=boxes))
        .mark_rect()
        .encode(
            x=alt.X(
                "start:Q",
                title=None,
                scale=alt.Scale(domain=list(span), nice=False),
                axis=chart_axes.time_axis(*span),
            ),
            x2="end:Q",
            y=alt.Y("low:Q", title=None, scale=scale, axis=axis),
            y2="high:Q",
            color=alt.Color("emotion:N", scale=colours, legend=alt.Legend(title=None, orient="bottom", columns=7)),
            tooltip=["lane:N", "emotion:N", "certainty:N", "start:Q", "end:Q"],
        )
    )
    hatching = chart_marks.hatching().properties(data=alt.Data(values=strokes))
    return alt.layer(rectangles, hatching).properties(width=WIDTH, height=LANE * len(lanes))


def _boxes(
    comparison: ComparisonData, rows: np.ndarray, lane: str, values: np.ndarray, place: int
) -> list[dict[str, Any]]:
    """A rectangle for each run of rows with the same value; ``place`` is the number of the lane from the top."""
    boxes: list[dict[str, Any]] = []
    for index in np.flatnonzero(rows):
        if not values[index]:
            continue
        sure = lane.startswith("labels") or comparison.is_sure[index]
        start, end = rounded(comparison.start[index]), rounded(comparison.end[index])
        box = {"lane": lane, "emotion": str(values[index]), "certainty": SURE if sure else UNSURE}
        box |= {"low": place + EDGE, "high": place + 1 - EDGE}
        if boxes and boxes[-1]["end"] == start and all(boxes[-1][name] == value for name, value in box.items()):
            boxes[-1]["end"] = end
        else:
            boxes.append(box | {"start": start, "end": end})
    return boxes


@dataclass(frozen=True)
class _Rows:
    """The rows of a result, as ``chart_hatch.strokes`` needs them."""

    start: np.ndarray
    end: np.ndarray
    known: np.ndarray
    sure: np.ndarray


def _strokes(
    comparison: ComparisonData, rows: np.ndarray, span: tuple[float, float], place: int
) -> list[dict[str, Any]]:
    """The hatching of the unsure rows of a result, in the lane at this place."""
    known = (comparison.dominant[rows] != "").astype(float)
    data = _Rows(comparison.start[rows], comparison.end[rows], known, comparison.is_sure[rows])
    bottom, height = place + 1 - EDGE, 1 - 2 * EDGE
    return [
        point | {"at": None if point["at"] is None else rounded(bottom - height * point["at"])}
        for point in chart_hatch.strokes(data, span, LANE / HEIGHT)
    ]


def _confusion(comparison: ComparisonData) -> Any:
    counts = comparison.every.confusion
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labelled = [index for index in range(len(EMOTIONS)) if counts[index].sum()]
    cells = [
        {
            "label": EMOTIONS[row],
            "result": EMOTIONS[column],
            "share": rounded(shares[row, column]),
            "rows": int(counts[row, column]),
        }
        for row in labelled
        for column in range(len(EMOTIONS))
    ]
    base = alt.Chart(alt.Data(values=cells)).encode(
        x=alt.X("result:N", title="result", sort=list(EMOTIONS), axis=alt.Axis(labelAngle=-45, ticks=False)),
        y=alt.Y("label:N", title="label", sort=list(EMOTIONS), axis=alt.Axis(ticks=False)),
        tooltip=["label:N", "result:N", "rows:Q", alt.Tooltip("share:Q", format=".0%")],
    )
    scale = alt.Scale(domain=[0, 1], range=["#F4F7FA", BLUE])
    fill = base.mark_rect().encode(color=alt.Color("share:Q", scale=scale, legend=None))
    dark: Any = alt.condition("datum.share > 0.5", alt.value("white"), alt.value(INK))
    text = base.mark_text(fontSize=11).encode(text=alt.Text("rows:Q"), color=dark)
    title = alt.TitleParams("Confusion (rows)", fontSize=13)
    return alt.layer(fill, text).properties(width=PANEL, height=PANEL, title=title).resolve_scale(color="independent")


def _calibration(comparison: ComparisonData) -> Any:
    bins = [
        {"confidence": rounded(each.confidence), "accuracy": rounded(each.accuracy), "rows": each.count}
        for each in comparison.every.calibration
    ]
    error = comparison.every.calibration_error
    axis = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1])
    x = alt.X("confidence:Q", title="confidence", scale=alt.Scale(domain=[0, 1]), axis=axis)
    y = alt.Y("accuracy:Q", title="same emotion", scale=alt.Scale(domain=[0, 1]), axis=axis)
    ideal = (
        alt.Chart(alt.Data(values=[{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]))
        .mark_line(color="#999999", strokeDash=[4, 4])
        .encode(x=x, y=y)
    )
    base = alt.Chart(alt.Data(values=bins)).encode(x=x, y=y)
    line = base.mark_line(color=BLUE)
    size = alt.Size("rows:Q", scale=alt.Scale(range=[20, 300]), legend=None)
    points = base.mark_circle(color=BLUE, opacity=0.8).encode(
        size=size,
        tooltip=["rows:Q", alt.Tooltip("confidence:Q", format=".0%"), alt.Tooltip("accuracy:Q", format=".0%")],
    )
    words = "Calibration" if error is None else f"Calibration (error {error:.2f})"
    title = alt.TitleParams(words, fontSize=13)
    return alt.layer(ideal, line, points).properties(width=PANEL, height=PANEL, title=title)


def _shifts(comparison: ComparisonData) -> Any:
    shift = comparison.shift
    tried = [
        {"seconds": rounded(seconds), "kappa": rounded(kappa)}
        for seconds, kappa in zip(shift.tried, shift.kappas, strict=True)
        if not np.isnan(kappa)
    ]
    line = (
        alt.Chart(alt.Data(values=tried))
        .mark_line(color=BLUE)
        .encode(
            x=alt.X("seconds:Q", title="labels moved by (s)", scale=alt.Scale(domain=[-5, 5])),
            y=alt.Y("kappa:Q", title="Cohen's kappa", scale=alt.Scale(zero=False)),
        )
    )
    best = (
        alt.Chart(alt.Data(values=[{"seconds": rounded(shift.seconds)}]))
        .mark_rule(color="#D55E00", strokeDash=[4, 4])
        .encode(x="seconds:Q")
    )
    is_shown = shift.fits and comparison.every.blocks >= LEAST_BLOCKS
    words = f"Best shift {shift.seconds:+.1f} s".replace("-", "−") if is_shown else "No shift fits clearly better"
    title = alt.TitleParams(words, fontSize=13)
    return alt.layer(line, *([best] if is_shown else [])).properties(width=PANEL, height=PANEL, title=title)
