"""What lies in each of many windows of Observations: pooled features, raw probabilities, and how much evidence."""

from dataclasses import dataclass

import numpy as np
import torch

from emorec import fusion as fusions
from emorec.emotions import EMOTIONS, fold
from emorec.networks import deviation

SPEECH = 0.5  # probability from which on a hop counts as speech
SILENT = 0.02  # least weight of a hop, so that a clip whose speech goes unnoticed still has a pooled value
QUALITY_FLOOR = 0.05  # weight of the poorest face, so that a window of poor faces still has an opinion
WIDE = 64  # columns from which on numpy sums faster row by row than down each column
WINDOWS_AT_ONCE = 512  # windows pooled in one go; bounds memory on long recordings


@dataclass(frozen=True)
class Pooled:
    """What the windows hold: pooled features, raw probabilities and coverages, NaN or 0 where there is nothing.

    ``seconds`` is how long each window is.
    """

    face_features: np.ndarray
    face_probabilities: np.ndarray
    face_coverage: np.ndarray
    voice_features: np.ndarray
    voice_probabilities: np.ndarray
    voice_coverage: np.ndarray
    person: np.ndarray
    seconds: np.ndarray


def pool(observations, model, low, high, person=None, with_features=True):
    """What windows [low, high) (s, arrays) of the observations hold, as Pooled.

    Only intermediate fusion needs the pooled features, which cost the most: without ``with_features`` they are all 0.
    """
    arrays = observations.arrays
    who = _person_of_windows(arrays, observations.persons, low, high, person)
    labels, width = len(model.face.config.labels), model.face.config.widths[-1]
    features, logs, seen = np.zeros((len(low), width), np.float32), np.zeros((len(low), labels)), np.zeros(len(low))
    for begin in range(0, len(low), WINDOWS_AT_ONCE):
        block = slice(begin, begin + WINDOWS_AT_ONCE)
        into = (features[block] if with_features else None, logs[block], seen[block])
        _pool_faces(arrays, low[block], high[block], who[block], *into)
    frames = between(arrays["frame_time"], low, high)
    coverage = np.minimum(seen / np.maximum(frames[1] - frames[0], 1), 1.0)
    has_face = coverage >= fusions.MIN_COVERAGE
    features[~has_face] = 0
    face = fold(np.exp(logs), model.face.config.labels)
    face[~has_face] = np.nan

    voice_features = np.zeros((len(low), 2 * model.voice.config.embedding), np.float32)
    voice = np.full((len(low), len(EMOTIONS)), np.nan)
    into = (voice_features if with_features else None, voice)
    speech_coverage = _pool_voice(arrays, model, low, high, observations.hop_seconds, *into)
    return Pooled(
        face_features=features,
        face_probabilities=face,
        face_coverage=coverage,
        voice_features=voice_features,
        voice_probabilities=voice,
        voice_coverage=speech_coverage,
        person=np.where(has_face, who, -1),
        seconds=high - low,
    )


def coverage(observations, low, high, who):
    """Shares of the ranges [low, high) (s, arrays) with a face of the person ``who`` (N,) in them, and with speech."""
    arrays = observations.arrays
    frames = between(arrays["frame_time"], low, high)
    seen = np.zeros(len(low))
    for person in np.unique(who[who >= 0]):
        first, last = between(arrays["face_time"][arrays["face_person"] == person], low, high)
        seen = np.where(who == person, last - first, seen)
    half = observations.hop_seconds / 2
    hops = between(arrays["voice_time"], low - half + 1e-9, high + half - 1e-9)
    spoken = _sums((arrays["voice_speech"] >= SPEECH).astype(float)[:, None], *hops)[:, 0]
    face = np.minimum(seen / np.maximum(frames[1] - frames[0], 1), 1.0)
    return face, spoken / np.maximum(hops[1] - hops[0], 1)


def _person_of_windows(arrays, persons, low, high, person):
    """Whose face each window is about: the chosen person, or the one of the recording's most seen who is in it; -1."""
    if person is not None:
        return np.full(len(low), person)
    rank = np.full(max(persons, default=0) + 1, len(persons))
    rank[persons] = np.arange(len(persons))
    first, last = between(arrays["face_time"], low, high)
    some = last > first
    best = np.full(len(low), len(persons))
    # Every other range that reduceat sees lies between two windows; one more rank lets the last window end.
    ranks = np.append(rank[arrays["face_person"]], len(persons))
    best[some] = np.minimum.reduceat(ranks, np.column_stack([first, last])[some].ravel())[::2]
    return np.array([*persons, -1], int)[best]


def _pool_faces(arrays, low, high, who, features, logs, seen):
    """Write mean embeddings (N, D), unless None, mean log-probabilities (N, native) and frames with a face (N,).

    The means are weighted by quality; rows without a face are left as they are.
    """
    first, last = between(arrays["face_time"], low, high)
    if first.min() == last.max():
        return
    part = slice(first.min(), last.max())
    first, last = first - part.start, last - part.start
    persons = arrays["face_person"][part]
    told = np.log(fusions.softmax(arrays["face_logits"][part].astype(np.float64)) + 1e-9)
    if features is not None:
        told = np.concatenate([told, arrays["face_embedding"][part]], axis=1)
    quality = arrays["face_quality"][part].astype(np.float64) + QUALITY_FLOOR
    for person in np.unique(who[who >= 0]):
        mine, asked = np.flatnonzero(persons == person), np.flatnonzero(who == person)
        weight = quality[mine, None]
        begin, end = np.searchsorted(mine, first[asked]), np.searchsorted(mine, last[asked])
        there = end > begin
        asked, begin, end = asked[there], begin[there], end[there]
        sums = _sums(np.concatenate([weight, weight * told[mine]], axis=1), begin, end)
        means = sums[:, 1:] / sums[:, :1]
        seen[asked], logs[asked] = end - begin, means[:, : logs.shape[1]]
        if features is not None:
            features[asked] = means[:, logs.shape[1] :]


def _pool_voice(arrays, model, low, high, hop_seconds, features, probabilities):
    """Write attentive mean and deviation of hops (N, 2 D), unless None, and probabilities (N, 7) where speech is heard.

    Returns the share of each window with speech (N,).
    """
    half = hop_seconds / 2
    first, last = between(arrays["voice_time"], low - half + 1e-9, high + half - 1e-9)
    speech = arrays["voice_speech"].astype(np.float64)
    if not len(speech):
        return np.zeros(len(low))
    spoken = _sums((speech >= SPEECH).astype(float)[:, None], first, last)[:, 0]
    coverage = np.minimum(spoken * hop_seconds / np.maximum(high - low, hop_seconds), 1.0)
    device, labels = next(model.voice.parameters()).device, model.voice.config.heads["emotions"]
    with torch.inference_mode():
        sizes = model.voice.parts  # the first of them alone is attended to
        hops = torch.from_numpy(arrays["voice_embedding"][:, : sizes[0]].astype(np.float32)).to(device)
        weight = model.voice.weigh(hops, torch.from_numpy(np.maximum(speech, SILENT)).to(device)).cpu().numpy()
        hears = np.flatnonzero(coverage >= fusions.MIN_COVERAGE)
        for begin in range(0, len(hears), WINDOWS_AT_ONCE):
            chosen = hears[begin : begin + WINDOWS_AT_ONCE]
            part = slice(first[chosen].min(), last[chosen].max())
            ranges = first[chosen] - part.start, last[chosen] - part.start
            mean, square = _moments(weight[part], arrays["voice_embedding"][part], sizes, *ranges)
            spread = deviation(torch.from_numpy(mean), torch.from_numpy(square)).numpy()
            pooled = np.concatenate([mean, spread], axis=1, dtype=np.float32)
            logits = model.voice.classify(torch.from_numpy(pooled).to(device)).cpu().numpy()
            probabilities[chosen] = fold(fusions.softmax(logits.astype(np.float64)), labels)
            if features is not None:
                features[chosen] = pooled
    return coverage


def _moments(weights, embeddings, sizes, first, last):
    """Means of embeddings (M, D) and of their squares over many ranges of rows, (N, D) each.

    Each part of an embedding, as wide as ``sizes`` say, has a column of the weights (M, parts).
    """
    means, squares = [], []
    for weight, values in zip(weights.T, np.split(embeddings, np.cumsum(sizes)[:-1], axis=1), strict=True):
        whole = np.maximum(_sums(weight[:, None], first, last), 1e-8)
        weighted = weight[:, None] * values
        means.append(_sums(weighted, first, last) / whole)
        weighted *= values
        squares.append(_sums(weighted, first, last) / whole)
    return np.concatenate(means, axis=1), np.concatenate(squares, axis=1)


def between(times, low, high):
    """Index ranges of sorted times that lie in [low, high)."""
    return np.searchsorted(times, low, side="left"), np.searchsorted(times, high, side="left")


def _sums(values, first, last):
    """Sums of rows first:last of values (M, C), for many ranges at once: (N, C)."""
    running = np.zeros((len(values) + 1, values.shape[1]))
    if values.shape[1] < WIDE:
        np.cumsum(values, axis=0, out=running[1:])
    else:
        for row, value in enumerate(values):
            np.add(running[row], value, out=running[row + 1])
    return running[last] - running[first]
