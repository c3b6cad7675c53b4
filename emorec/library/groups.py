"""Means of several recordings with 95 % intervals; each recording counts once, however long it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emorec.affect import DIMENSIONS
from emorec.emotions import EMOTIONS
from emorec.output.summary import Summary

MEASURES = (*EMOTIONS, "unsure", *DIMENSIONS)
# Quantiles 0.975 of Student's t distribution for 1, 2, ... degrees of freedom; with more it is close to the normal one,
# to which ``_t_quantile`` adds the first terms of the expansion in 1/df (Abramowitz and Stegun, 26.7.5).
T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
NORMAL = 1.959964


@dataclass(frozen=True, kw_only=True)
class GroupMean:
    """The mean of a measure over ``count`` recordings, and its 95 % interval (None with fewer than two)."""

    measure: str
    mean: float
    low: float | None
    high: float | None
    count: int


def means(figures: Sequence[Summary]) -> list[GroupMean]:
    """The mean of every measure over the recordings that have evidence; measures without any are left out.

    Shares of the emotions and of what is unsure are of the time with evidence. Intervals are those of Student's t,
    limited to the range of the measure.
    """
    result = []
    for measure in MEASURES:
        values = [value for summary in figures if (value := _value(summary, measure)) is not None]
        if not values:
            continue
        mean, low, high = float(np.mean(values)), None, None
        if len(values) > 1:
            half = _t_quantile(len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
            bottom = -1.0 if measure in DIMENSIONS else 0.0
            low, high = max(mean - half, bottom), min(mean + half, 1.0)
        result.append(GroupMean(measure=measure, mean=mean, low=low, high=high, count=len(values)))
    return result


def _value(figures: Summary, measure: str) -> float | None:
    if not figures.shares:
        return None
    if measure in DIMENSIONS:
        return figures.valence if measure == "valence" else figures.arousal
    return figures.unsure if measure == "unsure" else figures.shares.get(measure, 0.0)


def _t_quantile(freedom: int) -> float:
    if freedom <= len(T_QUANTILES):
        return T_QUANTILES[freedom - 1]
    x = NORMAL
    return x + (x**3 + x) / (4 * freedom) + (5 * x**5 + 16 * x**3 + 3 * x) / (96 * freedom**2)
