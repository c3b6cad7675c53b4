"""How good opinions are: shares of right ones, by label, and how honest their confidence is; as plain values."""

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.inference import prior as priors
from train import calibration

PERFECT_DRAWS = 200  # of labels from the probabilities themselves
NEUTRAL = EMOTIONS.index("neutral")
EVERYDAY = priors.of("everyday").log
NOBODY = -1  # what is decided without any evidence: no label, and never right


def shares(predicted, truth):
    """Accuracy and unweighted average recall of predicted labels (N,), for a log."""
    return {"accuracy": round(float((predicted == truth).mean()), 4), "recall": round(recall(predicted, truth), 4)}


def recall(predicted, truth):
    """Unweighted average recall: the mean over labels of the share of each that was found."""
    return float(np.mean([np.mean(predicted[truth == label] == label) for label in np.unique(truth)]))


def decided(probabilities):
    """The likeliest column of each row (N, C), NOBODY where there is no evidence (NaN)."""
    return np.where(np.isnan(probabilities[:, 0]), NOBODY, np.nan_to_num(probabilities).argmax(axis=1))


def accuracy(predicted, truth):
    """Accuracy and its standard error of each way's predicted labels, a dict of (N,)."""
    results = {way: float((labels == truth).mean()) for way, labels in predicted.items()}
    return {"results": results, "spread": {way: standard_error(share, len(truth)) for way, share in results.items()}}


def over_folds(folds, items):
    """Mean and spread (population standard deviation) over folds of each way's measure, a dict of lists.

    One fold has no such spread; then it is the standard error of so many items.
    """
    return {
        "results": {way: float(np.mean(values)) for way, values in folds.items()},
        "spread": {
            way: float(np.std(values)) if len(values) > 1 else standard_error(values[0], items)
            for way, values in folds.items()
        },
        "folds": {way: [float(value) for value in values] for way, values in folds.items()},
    }


def confusion(predicted, truth, labels):
    """Confusion matrix (rows are the truth) and recall of each label; undecided items count in no column."""
    matrix = np.zeros((len(labels), len(labels)), int)
    some = predicted != NOBODY
    np.add.at(matrix, (truth[some], predicted[some]), 1)
    found = matrix.diagonal() / np.maximum(np.bincount(truth, minlength=len(labels)), 1)
    return {
        "labels": list(labels),
        "recall": {label: float(value) for label, value in zip(labels, found, strict=True)},
        "confusion": matrix.tolist(),
    }


def ece(probabilities, truth, weights=None):
    """Expected calibration error of rows that have probabilities."""
    known = ~np.isnan(probabilities[:, 0])
    weights = None if weights is None else weights[known]
    return calibration.expected_calibration_error(probabilities[known], truth[known], weights) if known.any() else 0.0


def share(rows):
    """Share of rows (N,) that are true."""
    return float(np.mean(rows)) if len(rows) else 0.0


def recall_error(predicted, truth):
    """Standard error of the unweighted average recall, from the binomial one of each label's recall."""
    errors = [
        standard_error(share(predicted[truth == label] == label), (truth == label).sum()) for label in np.unique(truth)
    ]
    return float(np.sqrt(np.square(errors).sum()) / len(errors))


def calibration_errors(before, after, truth, weights=None):
    """Expected calibration error of probabilities (N, C) before and after calibration, for labels (N,).

    ``weights`` (N,) judge a skewed set as if every emotion were equally common.

    ``perfect`` is what as many rows, as sure of themselves as those after calibration and perfectly calibrated, would
    show: the error of few rows is never zero.
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


def among(probabilities, emotions):
    """Probabilities over a data set's own emotions alone, renormalised; without evidence all are alike."""
    chosen = np.nan_to_num(probabilities[:, [EMOTIONS.index(emotion) for emotion in emotions]], nan=1.0)
    return chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1e-12)


def standard_error(share, items):
    """Binomial standard error of a share of so many items."""
    return float(np.sqrt(share * (1 - share) / max(items, 1)))


def rounded(value):
    """Plain values with floats at four digits."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value
