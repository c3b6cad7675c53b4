"""Class imbalance, handled by logit adjustment (Menon et al., 2021; "balanced softmax", Ren et al., 2020).

The loss adds the log share of each label in the training data to its logit, so that the network itself learns
likelihoods under an even prior and rare labels are not neglected.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from emorec.emotions import EMOTIONS, emotion_of
from emorec.inference import prior as priors


def label_shares(labels: Sequence[str]) -> tuple[float, ...]:
    """Shares (7,) of the emotions if every label is equally common: two labels may count as one emotion."""
    emotions = [emotion_of(label) for label in labels]
    return tuple(_shares(np.array([emotions.count(emotion) for emotion in EMOTIONS], float)))


def log_shares(weights: np.ndarray) -> torch.Tensor:
    """Logarithm of the share of each label (C,), from its total weight in training; for ``adjust``."""
    return torch.from_numpy(np.log(_shares(weights.astype(float)))).float()


def adjust(logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Logits (N, C) for the loss, with the log shares (C,) of the labels added (logit adjustment)."""
    return logits + shares.to(logits.device)


def _shares(totals: np.ndarray) -> np.ndarray:
    """Shares that sum to 1; a total of 0 counts as the mean of the others, for a share must not be 0."""
    if not totals.any():
        return np.array(priors.EVEN) if len(totals) == len(EMOTIONS) else np.full(len(totals), 1 / len(totals))
    totals = np.where(totals > 0, totals, totals[totals > 0].mean())
    return totals / totals.sum()
