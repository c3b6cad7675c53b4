"""Logistic regression: a linear layer that is fitted rather than trained."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DECAY = 0.2  # of the weights, for inputs of unit deviation


def fit(features, targets, weights, labels, decay=DECAY, scales=1.0):
    """A linear layer that names labels; items are weighted, labels weigh as much as one another.

    Features (N, D), which are brought to the deviations ``scales`` for it (smaller ones are held back more), targets
    (N,), weights (N,); the layer has as many outputs as ``labels``, and says nothing if there are no items.
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

    def loss():
        optimizer.zero_grad()
        error = (F.cross_entropy(layer(x), y, reduction="none") * weights).sum() / weights.sum()
        value = error + decay / 2 * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        layer.weight /= torch.from_numpy(spread)
        layer.bias -= layer.weight @ torch.from_numpy(mean).double()
    return layer.requires_grad_(False).float()
