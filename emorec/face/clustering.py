"""Average-linkage clustering with pairs that must stay apart."""

from __future__ import annotations

import numpy as np


def average_linkage(similarity: np.ndarray, apart: np.ndarray, threshold: float) -> np.ndarray:
    """Cluster numbers (N,): the two most similar clusters are joined as long as they are similar enough.

    ``similarity`` (N, N) is symmetric; that of two clusters is the mean over the pairs of their members, and must be at
    least ``threshold``. Clusters with members that ``apart`` (N, N) bool marks are never joined. The number of a
    cluster is that of its first member.
    """
    count = len(similarity)
    labels, sizes = np.arange(count), np.ones(count)
    if count < 2:
        return labels
    # A mean with minus infinity is minus infinity, so that a pair that must stay apart keeps its clusters apart.
    values = np.where(apart | apart.T, -np.inf, similarity.astype(np.float64))
    np.fill_diagonal(values, -np.inf)
    nearest = values.argmax(axis=1)
    best = values[np.arange(count), nearest]
    while best.max() >= threshold:
        one = int(best.argmax())
        first, second = sorted((one, int(nearest[one])))
        joined = (sizes[first] * values[first] + sizes[second] * values[second]) / (sizes[first] + sizes[second])
        joined[first] = -np.inf
        values[first] = values[:, first] = joined
        values[second] = values[:, second] = -np.inf
        sizes[first] += sizes[second]
        labels[labels == second] = first
        # A mean is at most the greater of both values, so only rows whose nearest was one of the two can change.
        stale = np.flatnonzero((nearest == first) | (nearest == second))
        stale = np.union1d(stale, [first, second])
        nearest[stale] = values[stale].argmax(axis=1)
        best[stale] = values[stale, nearest[stale]]
    return labels
