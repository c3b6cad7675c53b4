"""The table of minutes: the means of each minute of a recording, which a click sorts."""

from __future__ import annotations

import html

import numpy as np

from emorec.emotions import COLOURS, EMOTIONS
from emorec.inference.timeline import Timeline
from emorec.output.chart_data import clock, signed
from emorec.output.negative import BELOW, MIN_EVIDENCE, NONE

MINUTE = 60.0  # seconds
MAX_MINUTES = 24 * 60 + 1  # rows of the table: those of the longest recording, which may begin within a minute
CUT = "The first {most} of {count} minutes."
CAPTION = (
    "The percentages are mean probabilities over the time with evidence; those of the summary are shares of that time."
)
SPARK_POINTS = 20  # of the small line of the valence in a minute
COURSE_POINTS = 12  # of the small area of an emotion's probability in a minute
WIDTH, HEIGHT = 80, 18  # px of the small line
COLUMNS = (*EMOTIONS, "valence", "disagreement")
MIN_SHOWN = 0.005  # share below which a cell is empty
MIN_AREA = 0.03  # share below which a cell has no area, which would be too flat to see


def minutes(timeline: Timeline) -> str:
    """A table with a row for each minute: the mean of each probability, valence and disagreement over its evidence.

    An incomplete minute at either end is not marked as negative, unless there is no whole minute.
    """
    lengths = timeline.end - timeline.start
    number = (timeline.start // MINUTE).astype(int)
    groups = [np.flatnonzero(number == minute) for minute in np.unique(number)]
    spans = [float(timeline.end[rows[-1]] - timeline.start[rows[0]]) for rows in groups]
    # With a step that does not divide a minute, the rows of a whole minute may be shorter, by less than a step.
    whole = [span > MINUTE - timeline.step + 1e-6 for span in spans]
    whole = whole if any(whole) else [True] * len(whole)
    rows = [
        _row(timeline, lengths, rows, int(number[rows[0]]), counts)
        for rows, counts in zip(groups[:MAX_MINUTES], whole, strict=False)
    ]
    cut = f"<p>{CUT.format(most=MAX_MINUTES, count=len(groups))}</p>" if len(groups) > MAX_MINUTES else ""
    head = "".join(f'<th scope="col"><button type="button" data-sort="{name}">{name}</button></th>' for name in COLUMNS)
    first = (
        '<th scope="col"><button type="button" data-sort="minute">minute</button></th><th scope="col">its valence</th>'
    )
    return (
        '<div class="minutes"><p><button type="button" data-negative="3">The three most negative minutes</button> '
        f'<span role="status" data-none="{NONE}"></span></p>{cut}'
        f'<p class="caption">{CAPTION}</p>'
        f"<table><thead><tr>{first}{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(timeline: Timeline, lengths: np.ndarray, rows: np.ndarray, minute: int, whole: bool) -> str:
    """The HTML of a minute with these ``rows`` (indices); ``lengths`` (N,) (s) are those of all rows."""
    known = rows[timeline.witnessed[rows]]
    weights = lengths[known]
    begin, end = float(timeline.start[rows[0]]), float(timeline.end[rows[-1]])
    name = f'<button type="button" data-from="{begin:.3f}" data-to="{end:.3f}">{clock(round(begin))}</button>'
    if not len(known) or not weights.sum():
        empty = f'<td colspan="{len(COLUMNS) + 1}">no evidence</td>'
        return f'<tr data-minute="{minute}"><th scope="row">{name}</th>{empty}</tr>'
    shares = np.average(timeline.probabilities[known], axis=0, weights=weights)
    valence = float(np.average(timeline.valence[known], weights=weights))
    both = known[~np.isnan(timeline.disagreement[known])]
    differs = float(np.average(timeline.disagreement[both], weights=lengths[both])) if len(both) else None
    keys = dict(zip(EMOTIONS, shares, strict=True)) | {
        "minute": minute,
        "valence": valence,
        "disagreement": differs or 0,
    }
    data = " ".join(f'data-{key}="{value:.4f}"' for key, value in keys.items())
    if whole and valence < BELOW and weights.sum() >= MIN_EVIDENCE * (end - begin):
        data += " data-low"
    courses = np.where(timeline.witnessed[rows, None], timeline.probabilities[rows], 0.0).T
    cells = "".join(
        f'<td style="--c:{COLOURS[emotion]}">{_course(course, share)}</td>'
        for emotion, course, share in zip(EMOTIONS, courses, shares, strict=True)
    )
    rest = f"<td>{signed(valence)}</td><td>{'–' if differs is None else f'{differs:.2f}'}</td>"
    spark = _spark(timeline.start[known] - begin, timeline.valence[known], end - begin)
    return f'<tr {data}><th scope="row">{name}</th><td>{spark}</td>{cells}{rest}</tr>'


def _course(probabilities: np.ndarray, share: float) -> str:
    """A share in words, over a small area chart of the probabilities (N,) in the rows of a minute."""
    if share < MIN_SHOWN:
        return ""
    number = f"<span>{share:.0%}</span>"
    if share < MIN_AREA:
        return number
    count = min(COURSE_POINTS, len(probabilities))
    heights = [group.mean() for group in np.array_split(probabilities, count)]
    steps = "".join(f"V{100 - 100 * height:.0f}H{100 * (at + 1) / count:.0f}" for at, height in enumerate(heights))
    return (
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><path d="M0 100{steps}V100Z"/></svg>'
        f"{number}"
    )


def _spark(times: np.ndarray, values: np.ndarray, length: float) -> str:
    """A small line chart of values (N,) from -1 to 1 at ``times`` (N,) (s), ``length`` (s) wide."""
    groups = np.array_split(np.arange(len(times)), min(SPARK_POINTS, len(times)))
    points = " ".join(
        f"{WIDTH * times[group].mean() / length:.1f},{HEIGHT / 2 * (1 - values[group].mean()):.1f}" for group in groups
    )
    words = html.escape(f"Valence from {signed(values[0])} to {signed(values[-1])}")
    middle = HEIGHT / 2
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{words}"><path d="M0 {middle}H{WIDTH}"/><polyline points="{points}"/></svg>'
    )
