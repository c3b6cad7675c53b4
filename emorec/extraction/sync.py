"""How well the mouths in a recording fit its sound, as evidence of who speaks."""

from __future__ import annotations

import numpy as np

from emorec.models import speaker

STEP = 1 / speaker.STEPS  # hops between two vectors of sound
FIRST_STEP = 1 / 32  # hops from the start of a hop to the middle of its first vector's frame

TRUST = 0.6  # share of a picture's log likelihood ratio that counts: pictures next to each other are alike
LAGS = np.arange(-4, 6)  # in steps: how much later than the picture the sound may be
USUAL_LAG = 3.0  # in steps; a lag that is this unusual must be better by half a nat
REFERENCES = 96  # vectors that a mouth, or a sound, is compared with, evenly spaced over the speech
SMOOTH_HOPS = 9  # over which the evidence for a lag is summed before the best person is taken
AROUND = 4  # pictures on each side in which a mouth must move
STILL = 1.3  # deviation of a mouth's vectors below which it is too still to speak
STILL_WEIGHT, MOST_STILL = 1.0, 1.0  # nats a picture: for each factor of e below STILL, and at most

Arrays = dict[str, np.ndarray]


def evidence(arrays: Arrays, numbers: np.ndarray, spoken: np.ndarray, hop_seconds: float) -> np.ndarray:
    """Log likelihood ratios (S, P) that the persons ``numbers`` (P,) speak in the hops ``spoken`` (S,), against
    somebody off screen; 0 without a picture of the person."""
    begin = float(arrays["voice_time"][0]) - hop_seconds / 2
    hops = np.floor((arrays["face_time"] - begin) / hop_seconds).astype(int)
    place = np.searchsorted(spoken, hops).clip(max=len(spoken) - 1)
    heard = (spoken[place] == hops) & (hops >= 0)
    sound = arrays["voice_sound"].astype(np.float32).reshape(-1, speaker.DIMENSIONS)
    steps = (spoken[:, None] * speaker.STEPS + np.arange(speaker.STEPS)).ravel()
    others = sound[_spread(steps)]
    out = np.zeros((len(LAGS), len(spoken), len(numbers)))
    still = np.zeros((len(spoken), len(numbers)))
    for column, number in enumerate(numbers):
        faces = np.flatnonzero((arrays["face_person"] == number) & heard)
        if not len(faces):
            continue
        mouths = arrays["face_mouth"][faces].astype(np.float32)
        still[:, column] = np.bincount(place[faces], _stillness(mouths), len(spoken))
        mouths = mouths - mouths.mean(axis=0)
        usual = _log_mean_exp(mouths @ others.T)
        # Of every step at once: the steps of different lags are the same ones.
        usual_of_sound = _log_mean_exp(sound @ mouths[_spread(np.arange(len(mouths)))].T)
        at = ((arrays["face_time"][faces] - begin) / hop_seconds - FIRST_STEP) / STEP
        for row, lag in enumerate(LAGS):
            sounds = _between(sound, at + lag)
            expected = _between(usual_of_sound[:, None], at + lag)[:, 0]
            fit = (mouths * sounds).sum(axis=1) - (usual + expected) / 2
            out[row, :, column] = np.bincount(place[faces], fit, len(spoken))
    return TRUST * out[_best_lag(out)] + still


def _best_lag(fits: np.ndarray) -> int:
    """The row of the lag (L, S, P) whose sums over a while, of the person who fits best there, are the largest."""
    totals = np.concatenate([np.zeros((len(fits), 1, fits.shape[2])), fits.cumsum(axis=1)], axis=1)
    ends = np.unique(np.append(np.arange(0, fits.shape[1], SMOOTH_HOPS), fits.shape[1]))
    sums = np.diff(totals[:, ends], axis=1).max(axis=2).sum(axis=1)
    return int((TRUST * sums - 0.5 * (LAGS / USUAL_LAG) ** 2).argmax())


def _stillness(mouths: np.ndarray) -> np.ndarray:
    """At most 0, (N,): how much the mouths of one person (N, D) around each picture are too still to speak."""
    sums = np.cumsum(np.concatenate([np.zeros((1, mouths.shape[1] + 1)), _with_squares(mouths)]), axis=0)
    index = np.arange(len(mouths))
    low, high = np.maximum(index - AROUND, 0), np.minimum(index + AROUND + 1, len(mouths))
    means = (sums[high] - sums[low]) / (high - low)[:, None]
    deviation = np.sqrt(np.maximum(means[:, -1] - np.square(means[:, :-1]).sum(axis=1), 1e-6))
    return np.clip(STILL_WEIGHT * np.log(deviation / STILL), -MOST_STILL, 0.0)


def _with_squares(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float64)
    return np.column_stack([values, np.square(values).sum(axis=1)])


def _between(sound: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Vectors of sound (T, D) at fractional steps (N,), interpolated."""
    at = at.clip(0, len(sound) - 1.001)
    low = at.astype(int)
    share = (at - low)[:, None].astype(np.float32)
    return sound[low] * (1 - share) + sound[np.minimum(low + 1, len(sound) - 1)] * share


def _log_mean_exp(values: np.ndarray) -> np.ndarray:
    highest = values.max(axis=1, keepdims=True)
    return (highest + np.log(np.exp(values - highest).mean(axis=1, keepdims=True)))[:, 0]


def _spread(indices: np.ndarray) -> np.ndarray:
    """At most REFERENCES of the indices, evenly spaced."""
    if len(indices) <= REFERENCES:
        return indices
    return indices[np.linspace(0, len(indices) - 1, REFERENCES).astype(int)]
