"""Logistic regression: a linear layer fitted by L-BFGS instead of trained by gradient steps."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DECAY = 0.2  # L2 penalty of the weights, for inputs of unit deviation


def fit(
    features: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    labels: int,
    decay: float = DECAY,
    scales: float | np.ndarray = 1.0,
    groups: np.ndarray | None = None,
    invariance: float = 0.0,
) -> nn.Linear:
    """A linear layer from features (N, D) to ``labels`` logits, fitted to targets (N,) with weights (N,).

    All labels weigh alike, whatever the weights of their items sum to. For the penalty the features have the deviations
    ``scales`` (a number or (D,)): a smaller one means a stronger penalty. Without items the layer is zero.

    ``groups`` (N,) names the data set of each item. Data sets differ in microphones, rooms and languages also where
    their labels agree, and these differences say nothing about a data set that is not among them. ``invariance`` is
    the penalty of the logits' scatter that they cause, see ``group_differences``.
    """
    layer = nn.Linear(features.shape[1], labels).double().requires_grad_(False)
    nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    if not len(features):
        return layer.float()
    mean, spread = features.mean(0), (features.std(0) + 1e-3) / scales
    x, y = torch.from_numpy((features - mean) / spread).double(), torch.from_numpy(targets)
    balanced = weights / np.bincount(targets, weights)[targets]
    differences = torch.zeros((0, features.shape[1]), dtype=torch.float64)
    if groups is not None and invariance:
        differences = torch.from_numpy(group_differences(x.numpy(), targets, balanced, groups))
    item_weights = torch.from_numpy(balanced)
    layer.requires_grad_(True)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        error = (F.cross_entropy(layer(x), y, reduction="none") * item_weights).sum() / item_weights.sum()
        scatter = (differences @ layer.weight.T).square().sum()
        value = error + decay / 2 * layer.weight.square().sum() + invariance / 2 * scatter
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        layer.weight.div_(torch.from_numpy(spread))
        layer.bias.sub_(layer.weight @ torch.from_numpy(mean).double())
    return layer.requires_grad_(False).float()


def group_differences(features: np.ndarray, targets: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Offsets (pairs, D) of the mean features of each group within a label from the label's mean over all groups.

    Features (N, D), targets (N,), weights (N,), groups (N,). The sum of the squares of the offsets is the scatter
    between groups, averaged over labels; a label that only one group has adds nothing to it.
    """
    labels, offsets = np.unique(targets), [np.zeros((0, features.shape[1]))]
    for label in labels:
        members = [rows for name in np.unique(groups) if (rows := (targets == label) & (groups == name)).any()]
        shares = np.array([weights[rows].sum() for rows in members])
        shares = shares / shares.sum()
        means = np.stack([np.average(features[rows], axis=0, weights=weights[rows]) for rows in members])
        if len(members) > 1:
            offsets.append(np.sqrt(shares / len(labels))[:, None] * (means - shares @ means))
    return np.concatenate(offsets)
