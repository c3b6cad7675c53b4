"""Metrics of predictions as plain values: accuracy, recall by label, confusion, calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.inference import prior as priors
from train import calibration

PERFECT_DRAWS = 200  # random draws of labels from the probabilities themselves
NEUTRAL = EMOTIONS.index("neutral")
EVERYDAY = priors.resolve("everyday").log
UNDER_EVERYDAY = ", everyday prior"  # ending of the names of results under the everyday prior instead of an even one
DRAWN_AT_ONCE = 2**21  # counts of people or items in bootstrap samples that are in memory at the same time: 32 MB
MIN_PEOPLE = 5  # with fewer people, resampling them gives no interval
MIN_ITEMS = 30  # with fewer items, the bootstrap's interval is too narrow
WILSON = "wilson"  # how an interval was found without a bootstrap
NO_PREDICTION = -1  # the predicted label of an item without evidence; it counts as wrong


def shares(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Accuracy and unweighted average recall of predicted labels (N,), for a log."""
    return {"accuracy": round(float((predicted == truth).mean()), 4), "recall": round(recall(predicted, truth), 4)}


def recall(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Unweighted average recall: the mean of the recall over the labels."""
    return float(np.mean([np.mean(predicted[truth == label] == label) for label in np.unique(truth)]))


def predicted_labels(probabilities: np.ndarray) -> np.ndarray:
    """The index of the highest probability in each row (N, C); NO_PREDICTION if there is no evidence (NaN)."""
    return np.where(np.isnan(probabilities[:, 0]), NO_PREDICTION, np.nan_to_num(probabilities).argmax(axis=1))


def accuracy(
    predicted: dict[str, np.ndarray], truth: np.ndarray, items: int | None = None
) -> dict[str, dict[str, float]]:
    """Accuracy and its standard error, by modality or fusion, of predicted labels (N,), which are those of ``items``
    independent items (default N)."""
    results = {way: float((labels == truth).mean()) for way, labels in predicted.items()}
    items = len(truth) if items is None else items
    return {"results": results, "spread": {way: standard_error(share, items) for way, share in results.items()}}


def over_folds(folds: dict[str, list[float]], items: int) -> dict[str, Any]:
    """Mean and spread (population standard deviation) over folds of a metric, by modality or fusion.

    With a single fold the spread is the standard error for ``items`` items.
    """
    return {
        "results": {way: float(np.mean(values)) for way, values in folds.items()},
        "spread": {
            way: float(np.std(values)) if len(values) > 1 else standard_error(values[0], items)
            for way, values in folds.items()
        },
        "folds": {way: [float(value) for value in values] for way, values in folds.items()},
    }


def confusion(
    predicted: np.ndarray, truth: np.ndarray, labels: Sequence[str], way: str | None = None
) -> dict[str, Any]:
    """Confusion matrix (rows are the truth), and recall of each label that has items; items without a prediction are in
    no column. ``way`` says which of several modalities or fusions predicted."""
    matrix = np.zeros((len(labels), len(labels)), int)
    some = predicted != NO_PREDICTION
    np.add.at(matrix, (truth[some], predicted[some]), 1)
    items = np.bincount(truth, minlength=len(labels))
    found = matrix.diagonal() / np.maximum(items, 1)
    return {
        "labels": list(labels),
        "recall": {label: float(found[index]) for index, label in enumerate(labels) if items[index]},
        "confusion": matrix.tolist(),
        **({"confusion_of": way} if way else {}),
    }


def ece(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Expected calibration error of the rows that have probabilities."""
    known = ~np.isnan(probabilities[:, 0])
    weights = None if weights is None else weights[known]
    return calibration.expected_calibration_error(probabilities[known], truth[known], weights) if known.any() else 0.0


def share(rows: np.ndarray) -> float:
    """Share of rows (N,) that are true."""
    return float(np.mean(rows)) if len(rows) else 0.0


def recall_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Standard error of the unweighted average recall, from the binomial one of each label's recall."""
    errors = [
        standard_error(share(predicted[truth == label] == label), (truth == label).sum()) for label in np.unique(truth)
    ]
    return float(np.sqrt(np.square(errors).sum()) / len(errors))


def calibration_errors(
    before: np.ndarray, after: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Expected calibration error of probabilities (N, C) before and after calibration, for labels (N,).

    With ``weights`` (N,) an imbalanced set is measured as if every emotion were equally common. ``perfect`` is the
    error of the same number of rows with the same confidence if calibration were perfect; it is never zero.
    """
    there = ~np.isnan(after[:, 0])
    known, weighing = after[there], None if weights is None else weights[there]
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(PERFECT_DRAWS if len(known) else 0):
        labels = (random.random((len(known), 1)) > known.cumsum(axis=1)).sum(axis=1)
        drawn.append(calibration.expected_calibration_error(known, np.minimum(labels, known.shape[1] - 1), weighing))
    perfect = {"perfect": float(np.mean(drawn))} if drawn else {}
    return {"before": ece(before, truth, weights), "after": ece(after, truth, weights)} | perfect


def area_under_curve(same: np.ndarray, other: np.ndarray) -> float:
    """The chance that a value of ``same`` (N,) is above one of ``other`` (M,), ties counted half; ROC's area."""
    ordered = np.sort(other)
    below, not_above = np.searchsorted(ordered, same, "left"), np.searchsorted(ordered, same, "right")
    return float((below + not_above).mean() / 2 / len(other))


def reliability(
    probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None
) -> list[dict[str, float]]:
    """The bins of the expected calibration error of probabilities (N, C) for labels (N,), as a reliability diagram.

    Each bin that is not empty has its number ``bin`` of ``calibration.BINS`` equal ones, its ``items``, their ``share``
    of all weights (N,), and their mean ``confidence`` and the share that is ``right``. The error is the sum of
    ``share`` times the difference of the last two. Rows without probabilities (NaN) are left out.
    """
    known = ~np.isnan(probabilities[:, 0])
    probabilities, truth = probabilities[known], truth[known]
    weights = np.ones(len(truth)) if weights is None else weights[known]
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    which = np.minimum((confidence * calibration.BINS).astype(int), calibration.BINS - 1)
    found = []
    for number in np.unique(which):
        rows = which == number
        if total := float(weights[rows].sum()):
            found.append(
                {
                    "bin": int(number),
                    "items": int(rows.sum()),
                    "share": total / float(weights.sum()),
                    "confidence": float(np.average(confidence[rows], weights=weights[rows])),
                    "right": float(np.average(right[rows], weights=weights[rows])),
                }
            )
    return found


def restrict(probabilities: np.ndarray, emotions: Sequence[str]) -> np.ndarray:
    """Probabilities over some emotions alone, renormalised; uniform without evidence."""
    chosen = np.nan_to_num(probabilities[:, [EMOTIONS.index(emotion) for emotion in emotions]], nan=1.0)
    return chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1e-12)


def standard_error(share: float, items: int) -> float:
    """Binomial standard error of a share of ``items`` items."""
    return float(np.sqrt(share * (1 - share) / max(items, 1)))


def add_intervals(found: dict[str, dict[str, float]], items: int) -> dict[str, dict]:
    """What ``accuracy`` returns, with the 95 % ``intervals`` of Wilson's score (1927) for ``items`` independent items.

    For few items they are wide even if all of them are right, where the standard error is 0.
    """
    intervals = {way: wilson(value, items) for way, value in found["results"].items()}
    return {**found, "intervals": intervals, "interval_by": dict.fromkeys(intervals, WILSON)}


def wilson(value: float, items: int) -> list[float]:
    """The 95 % interval [low, high] of a share of independent items, by Wilson's score (1927)."""
    square = 1.96**2 / max(items, 1)
    half = float(np.sqrt(square * (value * (1 - value) + square / 4)))
    middle = value + square / 2
    return [max(0.0, (middle - half) / (1 + square)), min(1.0, (middle + half) / (1 + square))]


def round_floats(value: Any) -> Any:
    """Plain values with floats at four digits."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: round_floats(item) for key, item in value.items()}
    return [round_floats(item) for item in value] if isinstance(value, list | tuple) else value


def resampled_recall(
    right: np.ndarray, truth: np.ndarray, people: np.ndarray, draws: int = 1000, seed: int = 0
) -> np.ndarray:
    """The unweighted average recall in bootstrap samples of people: (draws,).

    ``right`` (N,) says which rows were found, ``truth`` (N,) are labels, ``people`` (N,) the speakers. People are
    drawn, not rows, because recordings of one person are not independent (Efron and Tibshirani, 1993, chapter 8).
    """
    labels, kinds = np.unique(truth, return_inverse=True)
    names, who = np.unique(people, return_inverse=True)
    found, there = np.zeros((len(names), len(labels))), np.zeros((len(names), len(labels)))
    np.add.at(there, (who, kinds), 1)
    np.add.at(found, (who, kinds), np.asarray(right, float))
    random, shares = np.random.default_rng(seed), np.full(len(names), 1 / len(names))
    recalls, most = [], max(1, DRAWN_AT_ONCE // len(names))
    for first in range(0, draws, most):
        drawn = random.multinomial(len(names), shares, min(most, draws - first))
        # A draw may miss a label altogether; then the others count.
        with np.errstate(invalid="ignore"):
            recalls.append(np.nanmean((drawn @ found) / (drawn @ there), axis=1))
    return np.concatenate(recalls)


def interval(drawn: np.ndarray) -> list[float]:
    """The 95 % interval [low, high] of bootstrap samples (draws,): their 2.5th and 97.5th percentile."""
    return [float(bound) for bound in np.percentile(drawn, (2.5, 97.5))]


def recall_by_people(right: np.ndarray, truth: np.ndarray, people: np.ndarray) -> tuple[float, float, float]:
    """The 95 % interval (low, high) and the standard deviation of ``resampled_recall``."""
    recalls = resampled_recall(right, truth, people)
    low, high = interval(recalls)
    return low, high, float(recalls.std())


def intervals(
    right: dict[str, np.ndarray], truth: np.ndarray | None = None, people: np.ndarray | None = None
) -> dict[str, Any]:
    """``intervals`` of 95 % by modality or fusion, and what was ``resampled`` for them, "people" or "items".

    ``right`` has which rows (N,) were found. The intervals are of the unweighted average recall over labels ``truth``
    (N,), or without them of the accuracy. Items are drawn if ``people`` (N,) are unknown or fewer than MIN_PEOPLE. If
    items are fewer than MIN_ITEMS, or all draws are alike, the interval is Wilson's, as ``interval_by`` then says.
    """
    rows = len(next(iter(right.values())))
    known = people is not None and len(np.unique(people)) >= MIN_PEOPLE
    who = people if people is not None and known else np.arange(rows)
    labels = np.zeros(rows, int) if truth is None else truth
    units, drawn, by = len(np.unique(who)), {}, {}
    for way, found in right.items():
        drawn[way] = interval(resampled_recall(found, labels, who))
        if drawn[way][0] == drawn[way][1] or (not known and units < MIN_ITEMS):
            value = float(np.mean([np.mean(found[labels == label]) for label in np.unique(labels)]))
            drawn[way], by[way] = wilson(value, units), WILSON
    return {
        "intervals": drawn,
        "resampled": "people" if known else "items",
        **({"interval_by": by} if by else {}),
    }
