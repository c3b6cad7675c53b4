"""How much of many ranges of time is covered by intervals, such as the times for which pictures are shown.

A picture is shown until the next one, however far apart they are, unless nothing at all was recorded meanwhile; the
last one until the video ends.
"""

import numpy as np

WIDE = 64  # columns; for this many or more, numpy sums faster row by row than along each column


def overlapping_indices(
    begin: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """First and last (exclusive) indices (N,) of the intervals [begin, end) (M,) that overlap ranges [low, high) (N,).

    All times are in seconds. The intervals are sorted by their begin and by their end.
    """
    first = np.searchsorted(end, low, side="right")
    return first, np.maximum(np.searchsorted(begin, high, side="left"), first)


def integrals(values: np.ndarray, begin: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Integrals of values (M, C), each constant in its interval [begin, end) (s), over ranges [low, high) (s): (N, C).

    The intervals are sorted and do not overlap.
    """
    out = np.zeros((len(low), values.shape[1]))
    first, last = overlapping_indices(begin, end, low, high)
    overlapping = np.flatnonzero(last > first)
    if not len(overlapping):
        return out
    first, last, low, high = first[overlapping], last[overlapping] - 1, low[overlapping], high[overlapping]
    # Only the first and the last interval may lie partly outside; those between them count in full.
    total = sums(values * (end - begin)[:, None], np.minimum(first + 1, last), last)
    total += values[first] * (np.minimum(end[first], high) - np.maximum(begin[first], low))[:, None]
    total += values[last] * np.where(last > first, np.minimum(end[last], high) - begin[last], 0.0)[:, None]
    out[overlapping] = total
    return out


def covered_seconds(begin: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Seconds of each range [low, high) (N,) that is covered by intervals [begin, end) (M,): (N,)."""
    return integrals(np.ones((len(begin), 1)), begin, end, low, high)[:, 0]


def lengths(low: np.ndarray, high: np.ndarray, until: float) -> np.ndarray:
    """Seconds of the ranges [low, high) (N,) within a recording of ``until`` seconds; never 0, so they can divide."""
    return np.maximum(np.minimum(high, until) - np.maximum(low, 0.0), 1e-9)


def windows(
    start: np.ndarray, end: np.ndarray, window: float, step: float, limits: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends (s), (N,) each, of the windows of rows from ``start`` to ``end`` (s) within the ``limits`` (s).

    A window is ``window`` seconds long and centred on its row; if the ``step`` (s) is longer, it is at least the row
    itself, so that nothing of the recording stays unread.
    """
    middle = (start + end) / 2
    half = np.maximum(window, end - start) / 2 if step > window else window / 2
    return np.maximum(middle - half, limits[0]), np.minimum(middle + half, max(limits[1], 1e-9))


def sums(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Sums of the rows first:last of values (M, C), for N ranges at once: (N, C)."""
    running = np.zeros((len(values) + 1, values.shape[1]))
    if values.shape[1] < WIDE:
        np.cumsum(values, axis=0, out=running[1:])
    else:
        for row, value in enumerate(values):
            np.add(running[row], value, out=running[row + 1])
    return running[last] - running[first]
