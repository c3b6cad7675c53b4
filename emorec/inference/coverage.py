"""How long pictures are shown, and for how much of each of many ranges of time.

A picture is shown until the next one, however far apart they are; the last one until the video ends.
"""

import numpy as np

WIDE = 64  # columns from which on numpy sums faster row by row than down each column


def shown_until(arrays: dict, until: float) -> np.ndarray:
    """When the picture of every face is replaced (s), (N,); none is shown after ``until`` (s)."""
    if not len(arrays["face_time"]):
        return np.zeros(0)
    frame = np.searchsorted(arrays["frame_time"], arrays["face_time"], side="right") - 1
    return np.minimum(arrays["frame_until"][frame], until)


def within(begin: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index ranges of the spans [begin, end) (M,) that share some time with the ranges [low, high) (N,), all in s.

    Spans are in order, and so are their ends.
    """
    first = np.searchsorted(end, low, side="right")
    return first, np.maximum(np.searchsorted(begin, high, side="left"), first)


def integrals(values: np.ndarray, begin: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Sums over spans [begin, end) of values (M, C) times the seconds that each shares with ranges [low, high): (N, C).

    Spans are in order and do not overlap.
    """
    out = np.zeros((len(low), values.shape[1]))
    first, last = within(begin, end, low, high)
    some = np.flatnonzero(last > first)
    if not len(some):
        return out
    first, last, low, high = first[some], last[some] - 1, low[some], high[some]
    # Only the first and the last span may lie partly outside; those between count in full.
    total = sums(values * (end - begin)[:, None], np.minimum(first + 1, last), last)
    total += values[first] * (np.minimum(end[first], high) - np.maximum(begin[first], low))[:, None]
    total += values[last] * np.where(last > first, np.minimum(end[last], high) - begin[last], 0.0)[:, None]
    out[some] = total
    return out


def seconds(begin: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Seconds of each of the ranges [low, high) (N,) that spans [begin, end) (M,) cover: (N,)."""
    return integrals(np.ones((len(begin), 1)), begin, end, low, high)[:, 0]


def lengths(low: np.ndarray, high: np.ndarray, until: float) -> np.ndarray:
    """Seconds of the ranges [low, high) (N,) that lie in a recording of ``until`` seconds, a trifle at the least."""
    return np.maximum(np.minimum(high, until) - np.maximum(low, 0.0), 1e-9)


def sums(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Sums of rows first:last of values (M, C), for many ranges at once: (N, C)."""
    running = np.zeros((len(values) + 1, values.shape[1]))
    if values.shape[1] < WIDE:
        np.cumsum(values, axis=0, out=running[1:])
    else:
        for row, value in enumerate(values):
            np.add(running[row], value, out=running[row + 1])
    return running[last] - running[first]
