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
) -> nn.Linear:
    """A linear layer from features (N, D) to ``labels`` logits, fitted to targets (N,) with weights (N,).

    All labels weigh alike, whatever the weights of their items sum to. For the penalty the features have the deviations
    ``scales`` (a number or (D,)): a smaller one means a stronger penalty. Without items the layer is zero.
    """
    layer = nn.Linear(features.shape[1], labels).double().requires_grad_(False)
    nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    if not len(features):
        return layer.float()
    mean, spread = features.mean(0), (features.std(0) + 1e-3) / scales
    x, y = torch.from_numpy((features - mean) / spread).double(), torch.from_numpy(targets)
    weights = torch.from_numpy(weights / np.bincount(targets, weights)[targets])
    layer.requires_grad_(True)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        error = (F.cross_entropy(layer(x), y, reduction="none") * weights).sum() / weights.sum()
        value = error + decay / 2 * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        layer.weight.div_(torch.from_numpy(spread))
        layer.bias.sub_(layer.weight @ torch.from_numpy(mean).double())
    return layer.requires_grad_(False).float()
