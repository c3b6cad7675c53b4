"""How well the mouths in a recording fit its sound, as evidence of who speaks."""

from __future__ import annotations

import numpy as np

from emorec.models import speaker

STEP = 1 / speaker.STEPS  # hops between two vectors of sound
FIRST_STEP = 1 / 32  # hops from the start of a hop to the middle of its first vector's frame

# Factor of the inner products of mouths and sounds: the network is too sure for people on whom it was not trained.
TEMPER = 0.8
# Weight of the log likelihood ratio of a picture. With it, mouths that fit and those with another voice are equally far
# from 0: actors on whom the network was not trained have about 0.5 and -0.4 nats.
TRUST = 1.8
# Nats per picture in favour of the person in view, because mouths of people who were not trained on fit less well.
FAVOUR = 0.05
# With few pictures of a person during speech, a mouth can be compared with little, and a bad fit says little. All n
# pictures together count against the person by at most (n / FEW_PICTURES) ** 3 nats.
FEW_PICTURES = 9
LAGS = np.arange(-4, 6)  # in steps: how much later than the picture the sound may be
LAG_COST = 5.0  # nats by which a lag must be better for each step
REFERENCES = 96  # vectors that a mouth, or a sound, is compared with, evenly spaced over the speech
SMOOTH_HOPS = 16  # over which the evidence for a lag is summed before the best person is taken
USUAL_PICTURES = 10  # pictures on each side whose mean look of a mouth is its usual one
AROUND = 1  # pictures on each side in which a mouth must move
STILL = 2.4  # deviation of a mouth's vectors below which it is too still to speak
STILL_WEIGHT, MOST_STILL = 0.6, 2.2  # nats a picture: for each factor of e below STILL, and at most

MAX_PERSONS = 16  # those longest on screen; others never get the voice

Arrays = dict[str, np.ndarray]


def persons(faces: np.ndarray) -> np.ndarray:
    """The sorted numbers of the persons of ``faces`` (N,) who may speak: those with the most faces."""
    # Faces are counted, because numbers need not be in the order of time on screen: a names file may give any number.
    numbers, counts = np.unique(faces, return_counts=True)
    return np.sort(numbers[np.argsort(-counts, kind="stable")[:MAX_PERSONS]])


def evidence(arrays: Arrays, numbers: np.ndarray, spoken: np.ndarray, hop_seconds: float) -> np.ndarray:
    """Log likelihood ratios (S, P) that the persons ``numbers`` (P,) speak in the hops ``spoken`` (S,), against
    somebody off screen; 0 without a picture of the person."""
    begin = float(arrays["voice_time"][0]) - hop_seconds / 2
    hops = np.floor((arrays["face_time"] - begin) / hop_seconds).astype(int)
    place, heard = np.searchsorted(spoken, hops).clip(max=len(spoken) - 1), np.isin(hops, spoken)
    sound = arrays["voice_sound"].astype(np.float32).reshape(-1, speaker.DIMENSIONS)
    steps = (spoken[:, None] * speaker.STEPS + np.arange(speaker.STEPS)).ravel()
    others = sound[_spread(steps)]
    out = np.zeros((len(LAGS), len(spoken), len(numbers)))
    beside = np.zeros((len(spoken), len(numbers)))
    pictures = np.zeros(len(numbers))
    for column, number in enumerate(numbers):
        faces = np.flatnonzero(arrays["face_person"] == number)
        mouths = arrays["face_mouth"][faces].astype(np.float32)
        quiet = _stillness(mouths)
        # The look of a mouth at rest differs between people, poses and lights.
        mouths = mouths - _around(mouths.astype(np.float64), USUAL_PICTURES).astype(np.float32)
        inside = heard[faces]
        faces, mouths = faces[inside], TEMPER * mouths[inside]
        if not len(faces):
            continue
        pictures[column] = len(faces)
        beside[:, column] = np.bincount(place[faces], quiet[inside] + FAVOUR, len(spoken))
        usual = _log_mean_exp(mouths @ others.T)
        # Computed for all steps at once, because different lags use the same steps.
        usual_of_sound = _log_mean_exp(sound @ mouths[_spread(np.arange(len(mouths)))].T)
        at = ((arrays["face_time"][faces] - begin) / hop_seconds - FIRST_STEP) / STEP
        for row, lag in enumerate(LAGS):
            sounds = _between(sound, at + lag)
            expected = _between(usual_of_sound[:, None], at + lag)[:, 0]
            fit = (mouths * sounds).sum(axis=1) - (usual + expected) / 2
            out[row, :, column] = np.bincount(place[faces], fit, len(spoken))
    fits = TRUST * out[_best_lag(out)]
    most = (pictures / FEW_PICTURES) ** 3
    return fits * most / np.maximum(most, np.maximum(-fits.sum(axis=0), 1e-9)) + beside


def _best_lag(fits: np.ndarray) -> int:
    """The row of the lag (L, S, P) whose sums over a while, of the person who fits best there, are the largest."""
    totals = np.concatenate([np.zeros((len(fits), 1, fits.shape[2])), fits.cumsum(axis=1)], axis=1)
    ends = np.unique(np.append(np.arange(0, fits.shape[1], SMOOTH_HOPS), fits.shape[1]))
    sums = np.diff(totals[:, ends], axis=1).max(axis=2).sum(axis=1)
    return int((TRUST * sums - LAG_COST * np.abs(LAGS)).argmax())


def _stillness(mouths: np.ndarray) -> np.ndarray:
    """At most 0, (N,): how much the mouths of one person (N, D) around each picture are too still to speak."""
    means = _around(_with_squares(mouths), AROUND)
    deviation = np.sqrt(np.maximum(means[:, -1] - np.square(means[:, :-1]).sum(axis=1), 1e-6))
    return np.clip(STILL_WEIGHT * np.log(deviation / STILL), -MOST_STILL, 0.0)


def _around(values: np.ndarray, reach: int) -> np.ndarray:
    """Means of values (N, D) over ``reach`` rows on both sides of each."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])
    index = np.arange(len(values))
    low, high = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)[:, None]


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
