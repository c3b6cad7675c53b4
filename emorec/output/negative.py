"""The stretches of a recording with the lowest valence."""

from __future__ import annotations

from numbers import Real

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.timeline import Timeline
from emorec.output.chart_data import signed
from emorec.output.highlights import Highlight, check_count

KIND = "negative"
COUNT, SECONDS = 3, 60.0
MIN_EVIDENCE = 0.25  # share of a stretch that has evidence of its own; those with less are not compared
# A stretch counts as negative if its valence is lower. Calm time has the valence of neutral, +0.13, and the negative
# emotions are 0.7 to 0.85 lower than that. So about a sixth of the stretch must be a negative emotion, which is more
# than the few percent that each of them has in neutral speech.
BELOW = 0.0
NONE = "No minute is clearly negative."
MINUTES = 2  # length of a recording from which on its most negative minutes say more than the summary
NO_SECONDS = "The length of a stretch is {seconds!r}; give a number of seconds above 0."
NAMED = 2  # emotions in the reason


def most_negative(timeline: Timeline, count: int | None = COUNT, seconds: float = SECONDS) -> list[Highlight]:
    """The ``count`` stretches of ``seconds`` with the lowest mean valence, lowest first; None gives all of them.

    Only stretches with a valence below BELOW are returned, so there may be none. They do not overlap, begin at a row of
    ``Timeline.grid``, and have evidence of their own for at least MIN_EVIDENCE of their time. A recording that is
    shorter than ``seconds`` is one stretch. ``strength`` goes from 0 (valence 1) to 1 (valence -1).
    """
    if isinstance(seconds, bool) or not isinstance(seconds, Real) or not seconds > 0:
        raise EmorecError(NO_SECONDS.format(seconds=seconds))
    check_count(count)
    timeline = timeline if timeline.grid is None else timeline.grid
    if not len(timeline) or (count is not None and count <= 0):
        return []
    lengths = (timeline.end - timeline.start) * timeline.witnessed
    valence = np.append(0.0, np.cumsum(np.nan_to_num(timeline.valence) * lengths))
    known = np.append(0.0, np.cumsum(lengths))
    until = timeline.start + seconds
    first = np.arange(len(timeline))
    last = np.maximum(np.searchsorted(timeline.end, until - 1e-6, side="left") + 1, first + 1)
    whole = last <= len(timeline)
    if not whole.any():
        whole, last = first == 0, np.full(len(timeline), len(timeline))
    first, last = first[whole], last[whole]
    evidence = known[last] - known[first]
    spans = timeline.end[last - 1] - timeline.start[first]
    enough = evidence >= np.maximum(MIN_EVIDENCE * spans, 1e-9)
    first, last, evidence = first[enough], last[enough], evidence[enough]
    means = (valence[last] - valence[first]) / evidence
    stretches = []
    order = np.lexsort((first, np.round(means, 6)))
    order = order[means[order] < BELOW]
    while len(order) and (count is None or len(stretches) < count):
        best = order[0]
        rows = int(first[best]), int(last[best])
        stretches.append(_stretch(timeline, *rows, float(means[best]), float(evidence[best])))
        order = order[(first[order] >= last[best]) | (last[order] <= first[best])]
    return stretches


def has_minutes(timeline: Timeline) -> bool:
    """Whether a timeline has evidence, and is so long that its most negative minutes say more than its mean."""
    span = float((timeline.end - timeline.start).sum())
    return span >= MINUTES * SECONDS - 1e-6 and bool(timeline.witnessed.any())


def _stretch(timeline: Timeline, first: int, last: int, valence: float, evidence: float) -> Highlight:
    """The stretch of the rows first:last, with its mean valence and its evidence (s)."""
    rows = slice(first, last)
    own = timeline.witnessed[rows]
    lengths = (timeline.end - timeline.start)[rows][own]
    shares = np.average(timeline.probabilities[rows][own], axis=0, weights=lengths)
    likeliest = np.argsort(-shares, kind="stable")
    start, end = float(timeline.start[first]), float(timeline.end[last - 1])
    named = ", ".join(f"{EMOTIONS[index]} {shares[index]:.0%}" for index in likeliest[:NAMED])
    reason = f"{named} on average over the {evidence:.0f} s with evidence"
    text = f"valence {signed(valence)} over {end - start:.0f} s"
    return Highlight(start, end, KIND, EMOTIONS[likeliest[0]], (1 - valence) / 2, text, reason)
