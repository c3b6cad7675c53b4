"""The moments of a Timeline worth looking at: where an emotion peaks, where it changes, where face and voice differ."""

from dataclasses import dataclass

import numpy as np

from emorec.chart_data import CONFIDENT
from emorec.emotions import EMOTIONS

KINDS = ("peak", "shift", "disagreement")
MOST = 3  # moments of each kind
LEAST_SHIFT = 0.35  # total variation between before and after, from which on a change counts
LEAST_DISAGREEMENT = 0.3  # bits of Jensen-Shannon divergence from which on face and voice count as disagreeing
DULL = "neutral"  # an emotion whose peaks tell nothing


@dataclass(frozen=True)
class Moment:
    """``start`` to ``end`` (s) is the row it lies in; ``strength`` is 0 to 1, comparable within one kind."""

    start: float
    end: float
    kind: str
    emotion: str
    strength: float
    text: str


def moments(timeline, most=MOST):
    """At most ``most`` Moments of each kind, in order of time; none lies within a window of another of its kind."""
    if not len(timeline):
        return []
    found = [
        Moment(float(timeline.start[row]), float(timeline.end[row]), kind, emotion, float(strength), text)
        for kind, find in (("peak", _peaks), ("shift", _shifts), ("disagreement", _disagreements))
        for row, strength, emotion, text in _strongest(find(timeline), timeline, most)
    ]
    return sorted(found, key=lambda moment: (moment.start, KINDS.index(moment.kind)))


def _strongest(candidates, timeline, most):
    """The strongest of (row, strength, emotion, text), earlier ones first among equals, a window apart."""
    apart = max(timeline.window, timeline.step)
    kept = []
    for candidate in sorted(candidates, key=lambda candidate: (-round(candidate[1], 6), candidate[0])):
        time = timeline.start[candidate[0]]
        if len(kept) < most and all(abs(time - timeline.start[other[0]]) >= apart for other in kept):
            kept.append(candidate)
    return kept


def _peaks(timeline):
    dominant = np.where(timeline.known, np.nan_to_num(timeline.probabilities).argmax(axis=1), -1)
    for index, emotion in enumerate(EMOTIONS):
        if emotion == DULL:
            continue
        for run in _stretches(dominant == index):
            row = run[timeline.confidence[run].argmax()]
            strength = timeline.confidence[row]
            if strength >= CONFIDENT:
                yield row, strength, emotion, f"{emotion} at {strength:.0%}"


def _shifts(timeline):
    reach = max(1, round(timeline.window / 2 / timeline.step))  # rows; nearer ones share their evidence
    if len(timeline) <= reach:
        return
    rows = np.arange(len(timeline))
    before, after = np.maximum(rows - reach, 0), np.minimum(rows + reach - 1, len(timeline) - 1)
    earlier, later = timeline.probabilities[before], timeline.probabilities[after]
    change = np.abs(later - earlier).sum(axis=1) / 2
    clear = (earlier.max(axis=1) >= CONFIDENT) & (later.max(axis=1) >= CONFIDENT)
    for row in np.flatnonzero((change >= LEAST_SHIFT) & clear):
        was, becomes = (EMOTIONS[part[row].argmax()] for part in (earlier, later))
        if was != becomes:
            yield row, change[row], becomes, f"from {was} to {becomes}"


def _disagreements(timeline):
    for row in np.flatnonzero(timeline.disagreement >= LEAST_DISAGREEMENT):
        seen, heard = (EMOTIONS[opinion[row].argmax()] for opinion in (timeline.face, timeline.voice))
        if seen != heard:
            yield row, timeline.disagreement[row], seen, f"face {seen}, voice {heard}"


def _stretches(mask):
    """Indices of the rows of every unbroken stretch where mask (N,) holds."""
    rows = np.flatnonzero(mask)
    return np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if len(rows) else []
