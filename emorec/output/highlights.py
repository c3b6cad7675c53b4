"""Highlights of a timeline: peaks of an emotion, changes from one to another, disagreements of face and voice.

They are found on ``Timeline.grid``, so they do not depend on the step that is shown, and on sure rows only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline

KINDS = ("peak", "shift", "disagreement")
MAX_OF_KIND = 3  # highlights of each kind
MIN_SHIFT = 0.35  # total variation distance between before and after; smaller changes do not count
MIN_DISAGREEMENT = 0.3  # bits of Jensen-Shannon divergence between face and voice; smaller ones do not count
NO_PEAK = "neutral"  # an emotion whose peaks are of no interest

# Rows (N,), their strengths (N,), and a function from a row to emotion and text.
Candidates = tuple[np.ndarray, np.ndarray, Callable[[int], tuple[str, str]]]


@dataclass(frozen=True)
class Highlight:
    """``start`` to ``end`` (s) are those of its row on the grid; ``strength`` is 0 to 1, comparable within a kind."""

    start: float
    end: float
    kind: str
    emotion: str
    strength: float
    text: str


def find_highlights(timeline: Timeline, max_of_kind: int = MAX_OF_KIND) -> list[Highlight]:
    """The strongest highlights of each kind in order of time, at least a window apart within a kind."""
    timeline = timeline if timeline.grid is None else timeline.grid
    if not len(timeline):
        return []
    found = [
        Highlight(float(timeline.start[row]), float(timeline.end[row]), kind, emotion, float(strength), text)
        for kind, find in (("peak", _peaks), ("shift", _shifts), ("disagreement", _disagreements))
        for row, strength, emotion, text in _strongest(find(timeline), timeline, max_of_kind)
    ]
    return sorted(found, key=lambda highlight: (highlight.start, KINDS.index(highlight.kind)))


def _strongest(candidates: Candidates, timeline: Timeline, max_rows: int) -> Iterator[tuple[int, float, str, str]]:
    """The strongest rows, at least a window apart, earlier ones first among equals: (row, strength, emotion, text)."""
    rows, strengths, describe = candidates
    apart = max(timeline.window, timeline.step)
    order = np.lexsort((rows, -np.round(strengths, 6)))
    while len(order) and max_rows:
        row = rows[order[0]]
        yield int(row), float(strengths[order[0]]), *describe(int(row))
        order = order[np.abs(timeline.start[rows[order]] - timeline.start[row]) >= apart]
        max_rows -= 1


def _peaks(timeline: Timeline) -> Candidates:
    best, sure = _likeliest(timeline.probabilities), timeline.sure
    confidence = np.where(sure, timeline.confidence, 0.0)
    dominant = np.where(timeline.known, best, -1)
    first = np.flatnonzero(np.diff(dominant, prepend=-2))  # the first row of each run of the same emotion
    highest = np.repeat(np.maximum.reduceat(confidence, first), np.diff(first, append=len(dominant)))
    counts = (confidence == highest) & sure & ~np.isin(dominant, [-1, EMOTIONS.index(NO_PEAK)])
    rows = np.flatnonzero(counts)
    # If a run reaches its highest confidence twice, the first time counts.
    run = np.searchsorted(first, rows, side="right")
    rows = rows[np.diff(run, prepend=0) > 0]
    return rows, confidence[rows], lambda row: (EMOTIONS[best[row]], f"{EMOTIONS[best[row]]} at {confidence[row]:.0%}")


def _shifts(timeline: Timeline) -> Candidates:
    reach = max(1, round(timeline.window / 2 / timeline.step))  # in rows; windows nearer than this overlap
    count = len(timeline) if len(timeline) > reach else 0
    rows = np.arange(count)
    before, after = np.maximum(rows - reach, 0), np.minimum(rows + reach - 1, count - 1)
    earlier, later = timeline.probabilities[before], timeline.probabilities[after]
    was, becomes = _likeliest(earlier), _likeliest(later)
    change = np.abs(later - earlier).sum(axis=1) / 2
    sure = timeline.sure
    rows = np.flatnonzero((change >= MIN_SHIFT) & sure[before] & sure[after] & (was != becomes))
    return (
        rows,
        change[rows],
        lambda row: (EMOTIONS[becomes[row]], f"from {EMOTIONS[was[row]]} to {EMOTIONS[becomes[row]]}"),
    )


def _disagreements(timeline: Timeline) -> Candidates:
    face, voice = _likeliest(timeline.face), _likeliest(timeline.voice)
    rows = np.flatnonzero((timeline.disagreement >= MIN_DISAGREEMENT) & timeline.sure & (face != voice))
    return (
        rows,
        timeline.disagreement[rows],
        lambda row: (EMOTIONS[face[row]], f"face {EMOTIONS[face[row]]}, voice {EMOTIONS[voice[row]]}"),
    )


def _likeliest(probabilities: np.ndarray) -> np.ndarray:
    return np.nan_to_num(probabilities).argmax(axis=1)
