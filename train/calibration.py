"""Fit calibration: the few numbers that turn the networks' probabilities into likelihoods under an even prior.

They are fitted on held-out people, with every emotion equally common, see ``even_weights``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from emorec.emotions import EMOTIONS
from emorec.inference import fusion
from emorec.inference import prior as priors
from emorec.models.calibration import FLOOR, Calibration, HeadCalibration

BIAS_PENALTY = 0.05  # keeps the biases of emotions that are rare in the data near zero
STRENGTH_PENALTY = 0.01  # with even shares the data do not determine the strength; this makes it 0
# Standard deviation of a Gaussian prior on the logarithm of a scale, or of a weight of late fusion. Without it, a few
# items that are all predicted right would give an unlimited scale and the largest weights, so that every answer would
# be certain.
SCALE_SPREAD = 0.5
WEIGHTS = np.linspace(0.1, 1.5, 29)  # grid of the weights of a modality in late fusion
BINS = 15
EVEN = np.log(priors.EVEN)


def even_weights(truth: np.ndarray, groups: Sequence | np.ndarray | None = None) -> np.ndarray:
    """Weights (N,) that sum to 1, for labels (N,): every emotion has the same total weight, and so has
    every group (N,) within an emotion."""
    groups = np.zeros(len(truth), int) if groups is None else np.asarray(groups)
    weights = np.zeros(len(truth))
    for label in np.unique(truth):
        present = np.unique(groups[truth == label])
        for group in present:
            rows = (truth == label) & (groups == group)
            weights[rows] = 1 / (len(present) * rows.sum())
    return weights / max(weights.sum(), 1e-12)


def fit_head(
    probabilities: np.ndarray,
    truth: np.ndarray,
    groups: Sequence | np.ndarray | None = None,
    shares: Sequence[float] = priors.EVEN,
    biased: bool = True,
    bias_penalty: float = BIAS_PENALTY,
    items: int | None = None,
) -> HeadCalibration:
    """The HeadCalibration with the highest likelihood of labels (N,) int, given probabilities (N, 7) and an even prior.

    ``groups`` (N,) are data sets that count equally, see ``even_weights``; ``shares`` are those of the emotions in the
    network's training data. Without ``biased`` only scale and strength are fitted, because a bias would fit the noise
    of few labels; a larger ``bias_penalty`` keeps the bias small if there are few people. ``items`` is how many of the
    rows are independent of each other: the fewer they are, the stronger the scale is drawn towards 1 (None: not at
    all).
    """
    rows = ~np.isnan(probabilities[:, 0])
    log_p = torch.from_numpy(np.log(np.maximum(probabilities[rows], FLOOR)).astype(np.float64))
    target = torch.from_numpy(truth[rows])
    weight = torch.from_numpy(even_weights(truth[rows], None if groups is None else np.asarray(groups)[rows]))
    log_shares = torch.from_numpy(np.log(shares))
    log_scale, strength = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    bias = torch.zeros(len(EMOTIONS), dtype=torch.float64, requires_grad=True)
    fitted = [log_scale, strength, bias] if biased else [log_scale, strength]
    optimizer = torch.optim.LBFGS(fitted, max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        logits = log_scale.exp() * (log_p - strength * log_shares) + bias
        losses = F.cross_entropy(logits, target, reduction="none")
        penalty = bias_penalty * bias.square().mean() + STRENGTH_PENALTY * strength.square()
        if items:
            penalty = penalty + log_scale.square() / (2 * SCALE_SPREAD**2 * items)
        loss = (losses * weight).sum() + penalty
        loss.backward()
        return loss

    optimizer.step(closure)
    centred = (bias - bias.mean()).detach().numpy()
    return HeadCalibration(
        scale=round(float(log_scale.exp().detach()), 4),
        bias=tuple(round(float(value), 4) for value in centred),
        strength=round(float(strength.detach()), 4),
        shares=tuple(round(float(share), 6) for share in shares),
    )


def apply(head: HeadCalibration, probabilities: np.ndarray, log_prior: np.ndarray = EVEN) -> np.ndarray:
    """Calibrated probabilities (N, 7) of raw ones (N, 7), under a prior given as logarithms (7,)."""
    return priors.posterior(head.log_likelihood(probabilities), log_prior)


def fit_late(
    calibration: Calibration, samples: Any, groups: Sequence | np.ndarray | None = None, items: int | None = None
) -> Calibration:
    """The calibration with the weights of late fusion that give the labels of Samples the highest likelihood.

    ``groups`` (N,) are data sets that count equally, see ``even_weights``. ``items`` is how many of the rows are
    independent of each other: the fewer they are, the stronger the weights are drawn towards those of ``calibration``.
    By default they are not.
    """
    weights = even_weights(samples.truth, groups)
    face_logs = calibration.face.log_likelihood(samples.face_probabilities)
    voice_logs = calibration.voice.log_likelihood(samples.voice_probabilities)
    face_evidence = fusion.evidence(face_logs, samples.face_coverage, samples.seconds)
    voice_evidence = fusion.evidence(voice_logs, samples.voice_coverage, samples.seconds)

    center = np.clip([calibration.face_weight, calibration.voice_weight], WEIGHTS[0], WEIGHTS[-1])

    def loss(face_weight: float, voice_weight: float) -> float:
        tried = replace(calibration, face_weight=float(face_weight), voice_weight=float(voice_weight))
        joint = fusion.late(face_logs, voice_logs, face_evidence, voice_evidence, tried)
        distance = np.square(np.log(np.array([face_weight, voice_weight]) / center)).sum()
        penalty = distance / (2 * SCALE_SPREAD**2 * items) if items else 0.0
        return nll(priors.posterior(joint, EVEN), samples.truth, weights) + float(penalty)

    best = min(((f, v) for f in WEIGHTS for v in WEIGHTS), key=lambda pair: loss(*pair))
    face_weight, voice_weight = (round(float(weight), 4) for weight in best)
    return replace(calibration, face_weight=face_weight, voice_weight=voice_weight)


def fit_pool(opinions: Sequence[np.ndarray], truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (K,) and bias (C,) of the log-linear pool of K predictions (N, C) with the highest likelihood of labels
    (N,)."""
    logs = [torch.from_numpy(np.log(np.maximum(one, 1e-6))) for one in opinions]
    target = torch.from_numpy(truth)
    weights = torch.full((len(logs),), 0.5, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(logs[0].shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        pooled = sum(weight * log for weight, log in zip(weights, logs, strict=True)) + bias
        loss = F.cross_entropy(pooled, target) + BIAS_PENALTY * bias.square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weights.detach().numpy(), (bias - bias.mean()).detach().numpy()


def pool(opinions: Sequence[np.ndarray], weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Probabilities (N, C) of the log-linear pool of predictions (N, C)."""
    logs = [np.log(np.maximum(one, 1e-6)) for one in opinions]
    return fusion.softmax(sum(weight * log for weight, log in zip(weights, logs, strict=True)) + bias)


def nll(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Mean negative log-likelihood (nats) of labels (N,) under probabilities (N, C), weighted by weights (N,)."""
    losses = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-9))
    return float(np.average(losses, weights=weights))


def expected_calibration_error(
    probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Guo et al., 2017: mean gap between confidence and accuracy over 15 equal bins of confidence.

    With ``weights`` (N,) an imbalanced set can be measured as if every emotion were equally common.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    weights = np.ones(len(truth)) if weights is None else weights
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs((weights * (confidence - right))[which == index].sum()) for index in np.unique(which)]
    return float(np.sum(gaps) / weights.sum())
