"""Agreement of two raters: Krippendorff's alpha, Cohen's kappa, recalls, calibration, and intervals of these.

All measures are computed from confusion matrices (..., C, C), whose rows are labels and whose columns are results, in
counts of units. What cannot be computed, such as the recall of an emotion that has no label, is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
SEED = 0  # so that the same files give the same interval
MASS = (2.5, 97.5)  # percentiles of the 95 % interval
# Seconds of a block of time that is drawn as a whole for an interval. Neighbouring rows share evidence, and an
# expression lasts for seconds, so single rows are not independent.
BLOCK = 30.0  # or a little more
MIN_BLOCKS = 10  # blocks are shortened to have that many
SHORTEST_BLOCK = 5.0  # but not below this
BINS = 10  # of the calibration curve


@dataclass(frozen=True)
class Estimate:
    """A ``value`` with its 95 % interval, from ``low`` to ``high``; None is unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        interval = "" if self.low is None or self.high is None else f" ({self.low:.2f} to {self.high:.2f})"
        return f"{self.value:.2f}{interval}"


def confusion(labels: np.ndarray, results: np.ndarray, classes: int) -> np.ndarray:
    """Counts (C, C) of units by label and result, (N,) each, numbers of classes."""
    counts = np.bincount(labels * classes + results, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(float)


def alpha(counts: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for nominal data and two raters without gaps, of confusion matrices (..., C, C)."""
    both = counts + np.swapaxes(counts, -1, -2)  # coincidences: every unit counts as a pair in both orders
    each = both.sum(axis=-1)
    total = each.sum(axis=-1)
    observed = 1 - _ratio(np.trace(both, axis1=-2, axis2=-1), total)
    expected = 1 - _ratio((each * (each - 1)).sum(axis=-1), total * (total - 1))
    return 1 - _ratio(observed, expected)


def kappa(counts: np.ndarray) -> np.ndarray:
    """Cohen's kappa of confusion matrices (..., C, C)."""
    total = counts.sum(axis=(-1, -2))
    chance = _ratio((counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1), total**2)
    return _ratio(accuracy(counts) - chance, 1 - chance)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share (...) of units whose label and result are the same."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-1, -2)))


def recalls(counts: np.ndarray) -> np.ndarray:
    """Share of each label's units (..., C) whose result is the same."""
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def precisions(counts: np.ndarray) -> np.ndarray:
    """Share of each result's units (..., C) whose label is the same."""
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2))


def mean_recall(counts: np.ndarray) -> np.ndarray:
    """The mean (...) of the recalls of all emotions that have labels."""
    each = recalls(counts)
    has = ~np.isnan(each)
    return _ratio(np.where(has, each, 0.0).sum(axis=-1), has.sum(axis=-1))


def blocks(start: np.ndarray, end: np.ndarray, recording: np.ndarray | None = None) -> np.ndarray:
    """The number (N,) of the block of time that each unit, from ``start`` to ``end`` (N,) (s), belongs to.

    ``recording`` (N,) are numbers of recordings; no block has units of two. All blocks of a recording have the same
    length, because a shorter block at the end would count as much as the others.
    """
    if not len(start):
        return np.zeros(0, int)
    recording = np.zeros(len(start), int) if recording is None else recording
    parts = [recording == number for number in np.unique(recording)]
    spans = [float(end[part].max() - start[part].min()) for part in parts]
    least = max(min(BLOCK, sum(spans) / MIN_BLOCKS), SHORTEST_BLOCK)
    numbers, first = np.zeros(len(start), int), 0
    for part, span in zip(parts, spans, strict=True):
        count = max(int(span / least + 1e-6), 1)
        place = ((start[part] + end[part]) / 2 - start[part].min()) * count / max(span, 1e-9)
        numbers[part] = first + np.minimum(place.astype(int), count - 1)
        first += count
    return np.unique(numbers, return_inverse=True)[1]  # without gaps for blocks that have no unit


def bootstrap_counts(count: int) -> np.ndarray:
    """How often each of ``count`` blocks is drawn in each of RESAMPLES resamples: (RESAMPLES, count)."""
    return np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(float)


def estimate(value: np.ndarray | float, resampled: np.ndarray | None = None) -> Estimate:
    """A value with the interval of its resampled values; without an interval if most of these are NaN."""
    value = float(value)
    if np.isnan(value):
        return Estimate(None)
    if resampled is None or np.isnan(resampled).mean() > 0.5:
        return Estimate(value)
    low, high = np.nanpercentile(resampled, MASS)
    return Estimate(value, float(low), float(high))


@dataclass(frozen=True)
class Bin:
    """Units whose confidence is between ``low`` and ``high``: how many, their mean confidence, their accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(confidence: np.ndarray, right: np.ndarray) -> tuple[list[Bin], float]:
    """The calibration curve of confidences (N,) of results that are ``right`` (N,) or not, and its expected error.

    Confidences that are NaN are left out. The expected calibration error is the mean distance of confidence and
    accuracy, weighted by the number of units in each bin; it is NaN without units.
    """
    known = ~np.isnan(confidence)
    confidence, right = confidence[known], right[known]
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins = []
    for index in np.unique(place):
        inside = place == index
        mean, share = float(confidence[inside].mean()), float(right[inside].mean())
        bins.append(Bin(index / BINS, (index + 1) / BINS, int(inside.sum()), mean, share))
    error = sum(each.count * abs(each.confidence - each.accuracy) for each in bins)
    return bins, error / len(confidence) if len(confidence) else np.nan


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole``, NaN where ``whole`` is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=np.abs(whole) > 1e-12)
