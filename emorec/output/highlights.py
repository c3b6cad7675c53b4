"""The moments of a Timeline worth looking at: where an emotion peaks, where it changes, where face and voice differ.

They are found on ``Timeline.grid``, so that they are the same whatever step is shown, and on rows that are sure.
"""

from dataclasses import dataclass

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline

KINDS = ("peak", "shift", "disagreement")
MOST = 3  # moments of each kind
LEAST_SHIFT = 0.35  # total variation between before and after, from which on a change counts
LEAST_DISAGREEMENT = 0.3  # bits of Jensen-Shannon divergence from which on face and voice count as disagreeing
DULL = "neutral"  # an emotion whose peaks tell nothing


@dataclass(frozen=True)
class Highlight:
    """``start`` to ``end`` (s) is the row of the grid it lies in; ``strength`` is 0 to 1, comparable in one kind."""

    start: float
    end: float
    kind: str
    emotion: str
    strength: float
    text: str


def find_highlights(timeline: Timeline, most: int = MOST) -> list[Highlight]:
    """At most ``most`` Moments of each kind, in order of time; none lies within a window of another of its kind."""
    timeline = timeline if timeline.grid is None else timeline.grid
    if not len(timeline):
        return []
    found = [
        Highlight(float(timeline.start[row]), float(timeline.end[row]), kind, emotion, float(strength), text)
        for kind, find in (("peak", _peaks), ("shift", _shifts), ("disagreement", _disagreements))
        for row, strength, emotion, text in _strongest(*find(timeline), timeline, most)
    ]
    return sorted(found, key=lambda moment: (moment.start, KINDS.index(moment.kind)))


def _strongest(rows, strengths, told, timeline, most):
    """The strongest of the rows (N,), earlier ones first among equals, a window apart: (row, strength, *told(row))."""
    apart = max(timeline.window, timeline.step)
    order = np.lexsort((rows, -np.round(strengths, 6)))
    while len(order) and most:
        row = rows[order[0]]
        yield row, strengths[order[0]], *told(row)
        order = order[np.abs(timeline.start[rows[order]] - timeline.start[row]) >= apart]
        most -= 1


def _peaks(timeline):
    best, sure = _likeliest(timeline.probabilities), timeline.sure
    confidence = np.where(sure, timeline.confidence, 0.0)
    dominant = np.where(timeline.known, best, -1)
    first = np.flatnonzero(np.diff(dominant, prepend=-2))  # of every stretch of one emotion
    highest = np.repeat(np.maximum.reduceat(confidence, first), np.diff(first, append=len(dominant)))
    counts = (confidence == highest) & sure & ~np.isin(dominant, [-1, EMOTIONS.index(DULL)])
    rows = np.flatnonzero(counts)
    # Where a stretch is as sure twice, the first time counts.
    stretch = np.searchsorted(first, rows, side="right")
    rows = rows[np.diff(stretch, prepend=0) > 0]
    return rows, confidence[rows], lambda row: (EMOTIONS[best[row]], f"{EMOTIONS[best[row]]} at {confidence[row]:.0%}")


def _shifts(timeline):
    reach = max(1, round(timeline.window / 2 / timeline.step))  # rows; nearer ones share their evidence
    count = len(timeline) if len(timeline) > reach else 0
    rows = np.arange(count)
    before, after = np.maximum(rows - reach, 0), np.minimum(rows + reach - 1, count - 1)
    earlier, later = timeline.probabilities[before], timeline.probabilities[after]
    was, becomes = _likeliest(earlier), _likeliest(later)
    change = np.abs(later - earlier).sum(axis=1) / 2
    sure = timeline.sure
    rows = np.flatnonzero((change >= LEAST_SHIFT) & sure[before] & sure[after] & (was != becomes))
    return (
        rows,
        change[rows],
        lambda row: (EMOTIONS[becomes[row]], f"from {EMOTIONS[was[row]]} to {EMOTIONS[becomes[row]]}"),
    )


def _disagreements(timeline):
    seen, heard = _likeliest(timeline.face), _likeliest(timeline.voice)
    rows = np.flatnonzero((timeline.disagreement >= LEAST_DISAGREEMENT) & timeline.sure & (seen != heard))
    return (
        rows,
        timeline.disagreement[rows],
        lambda row: (EMOTIONS[seen[row]], f"face {EMOTIONS[seen[row]]}, voice {EMOTIONS[heard[row]]}"),
    )


def _likeliest(probabilities):
    return np.nan_to_num(probabilities).argmax(axis=1)
