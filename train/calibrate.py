"""Calibration: the few numbers that turn networks' probabilities into trustworthy ones, fitted on validation people."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from emorec import fusion
from emorec.emotions import EMOTIONS

BIAS_PENALTY = 0.05  # keeps biases of rarely seen emotions near zero
TRUSTS = np.linspace(0.05, 0.95, 19)
AGREEMENTS = np.linspace(0.0, 1.0, 11)
BINS = 15


def fit_opinion(probabilities, truth, weights=None, biased=True):
    """Scale and bias (7,) for ``fusion.opinion`` that make probabilities (N, 7) likeliest for labels (N,) int.

    Without ``biased`` the scale alone is fitted: temperature scaling (Guo et al., 2017), which changes no decision.
    """
    rows = ~np.isnan(probabilities[:, 0])
    log_p = torch.from_numpy(np.log(np.maximum(probabilities[rows], 1e-6)))
    target = torch.from_numpy(truth[rows])
    weight = torch.from_numpy(np.ones(len(truth))[rows] if weights is None else weights[rows])
    log_scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(EMOTIONS), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [log_scale, bias] if biased else [log_scale], max_iter=200, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        losses = F.cross_entropy(log_scale.exp() * log_p + bias, target, reduction="none")
        loss = (losses * weight).sum() / weight.sum() + BIAS_PENALTY * bias.square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    centred = (bias - bias.mean()).detach().numpy()
    return round(float(log_scale.exp().detach()), 4), tuple(round(float(value), 4) for value in centred)


def fit_late(calibration, face, voice, face_coverage, voice_coverage, truth):
    """The calibration with the trust and agreement under which late fusion of two opinions (N, 7) is likeliest."""

    def loss(trust, agreement):
        tried = replace(calibration, face_trust=float(trust), agreement=float(agreement))
        return nll(fusion.late(face, voice, face_coverage, voice_coverage, tried), truth)

    trust, agreement = min(((t, a) for t in TRUSTS for a in AGREEMENTS), key=lambda pair: loss(*pair))
    return replace(calibration, face_trust=round(float(trust), 4), agreement=round(float(agreement), 4))


def fit_pool(opinions, truth):
    """Weights (K,) and bias (C,) of the log-linear pool of K opinions (N, C) that is likeliest for labels (N,)."""
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


def pool(opinions, weights, bias):
    """Probabilities (N, C) of the log-linear pool of opinions (N, C)."""
    logs = [np.log(np.maximum(one, 1e-6)) for one in opinions]
    return fusion.softmax(sum(weight * log for weight, log in zip(weights, logs, strict=True)) + bias)


def nll(probabilities, truth):
    """Mean negative log-likelihood (nats) of labels (N,) under probabilities (N, C)."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-9)).mean())


def expected_calibration_error(probabilities, truth):
    """Guo et al., 2017: mean gap between confidence and accuracy over 15 equal bins of confidence."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        abs(confidence[which == index].mean() - right[which == index].mean()) * np.mean(which == index)
        for index in np.unique(which)
    ]
    return float(np.sum(gaps))
