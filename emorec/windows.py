"""What lies in each of many windows of Observations: pooled features, raw probabilities, and how much evidence."""

from dataclasses import dataclass

import numpy as np
import torch

from emorec import fusion as fusions
from emorec.emotions import EMOTIONS, fold
from emorec.networks import deviation

SPEECH = 0.5  # probability from which on a hop counts as speech
QUALITY_FLOOR = 0.05  # weight of the poorest face, so that a window of poor faces still has an opinion
WINDOWS_AT_ONCE = 512  # windows pooled in one go; bounds memory on long recordings


@dataclass(frozen=True)
class Pooled:
    """What the windows hold: pooled features, raw probabilities and coverages, NaN or 0 where there is nothing."""

    face_features: np.ndarray
    face_probabilities: np.ndarray
    face_coverage: np.ndarray
    voice_features: np.ndarray
    voice_probabilities: np.ndarray
    voice_coverage: np.ndarray
    person: np.ndarray


def pool(observations, model, low, high, person=None):
    """What windows [low, high) (s, arrays) of the observations hold, as Pooled."""
    arrays = observations.arrays
    who = _person_of_windows(arrays, observations.persons, low, high, person)
    parts = [
        _pool_faces(arrays, model, low[chosen], high[chosen], who[chosen])
        for chosen in np.array_split(np.arange(len(low)), max(1, len(low) // WINDOWS_AT_ONCE))
    ]
    features, logs, seen = (np.concatenate(column) for column in zip(*parts, strict=True))
    frames = between(arrays["frame_time"], low, high)
    coverage = np.minimum(seen / np.maximum(frames[1] - frames[0], 1), 1.0)
    has_face = coverage >= fusions.MIN_COVERAGE
    features[~has_face] = 0
    face = fold(np.exp(logs), model.face.config.labels)
    face[~has_face] = np.nan

    hears, voice_features, speech_coverage = _pool_voice(arrays, model, low, high, observations.hop_seconds)
    voice = np.full((len(low), len(EMOTIONS)), np.nan)
    if hears.any():
        with torch.inference_mode():
            device = next(model.voice.parameters()).device
            logits = model.voice.classify(torch.from_numpy(voice_features[hears]).to(device))
        voice[hears] = fold(
            fusions.softmax(logits.cpu().numpy().astype(np.float64)), model.voice.config.heads["emotions"]
        )
    return Pooled(
        face_features=features,
        face_probabilities=face,
        face_coverage=coverage,
        voice_features=voice_features,
        voice_probabilities=voice,
        voice_coverage=speech_coverage,
        person=np.where(has_face, who, -1),
    )


def _person_of_windows(arrays, persons, low, high, person):
    """Whose face each window is about: the chosen person, or the one of the recording's most seen who is in it; -1."""
    if person is not None:
        return np.full(len(low), person)
    rank = np.full(max(persons, default=0) + 1, len(persons))
    rank[persons] = np.arange(len(persons))
    first, last = between(arrays["face_time"], low, high)
    ranks = rank[arrays["face_person"]]
    best = [ranks[a:b].min() if b > a else len(persons) for a, b in zip(first, last, strict=True)]
    return np.array([*persons, -1])[best] if best else np.zeros(0, int)


def _pool_faces(arrays, model, low, high, who):
    """Mean embeddings (N, D), mean log-probabilities (N, native) and frames with a face (N,), weighted by quality."""
    first, last = between(arrays["face_time"], low, high)
    labels, width = len(model.face.config.labels), model.face.config.widths[-1]
    features, logs = np.zeros((len(low), width), np.float32), np.zeros((len(low), labels))
    seen = np.zeros(len(low))
    if not len(low) or first.min() == last.max():
        return features, logs, seen
    part = slice(first.min(), last.max())
    first, last = first - part.start, last - part.start
    persons = arrays["face_person"][part]
    embeddings = arrays["face_embedding"][part].astype(np.float64)
    log_p = np.log(fusions.softmax(arrays["face_logits"][part].astype(np.float64)) + 1e-9)
    quality = arrays["face_quality"][part].astype(np.float64) + QUALITY_FLOOR
    for person in np.unique(who[who >= 0]):
        mine = persons == person
        weight = np.where(mine, quality, 0.0)[:, None]
        total, embedding, log = (_sums(column, first, last) for column in (weight, weight * embeddings, weight * log_p))
        here = (who == person) & (total[:, 0] > 0)
        features[here] = embedding[here] / total[here]
        logs[here] = log[here] / total[here]
        seen[here] = _sums(mine[:, None].astype(float), first, last)[here, 0]
    return features, logs, seen


def _pool_voice(arrays, model, low, high, hop_seconds):
    """Which windows hear speech (N,), attentive mean and deviation of their hops (N, 2 D), share of speech (N,)."""
    half = hop_seconds / 2
    first, last = between(arrays["voice_time"], low - half + 1e-9, high + half - 1e-9)
    speech = arrays["voice_speech"].astype(np.float64)
    width = model.voice.config.embedding
    features = np.zeros((len(low), 2 * width), np.float32)
    if not len(speech):
        return np.zeros(len(low), bool), features, np.zeros(len(low))
    spoken = _sums((speech >= SPEECH).astype(float)[:, None], first, last)[:, 0]
    coverage = np.minimum(spoken * hop_seconds / np.maximum(high - low, hop_seconds), 1.0)
    hears = coverage >= fusions.MIN_COVERAGE
    with torch.inference_mode():
        device = next(model.voice.parameters()).device
        score = (
            model.voice.score(torch.from_numpy(arrays["voice_embedding"].astype(np.float32)).to(device)).cpu().numpy()
        )
    weight = (np.exp(score.astype(np.float64)) * speech)[:, None]
    for chosen in np.array_split(np.flatnonzero(hears), max(1, int(hears.sum()) // WINDOWS_AT_ONCE)):
        if not len(chosen):
            continue
        part = slice(first[chosen].min(), last[chosen].max())
        a, b = first[chosen] - part.start, last[chosen] - part.start
        embeddings = arrays["voice_embedding"][part].astype(np.float64)
        total = np.maximum(_sums(weight[part], a, b), 1e-8)
        mean = _sums(weight[part] * embeddings, a, b) / total
        square = _sums(weight[part] * embeddings**2, a, b) / total
        spread = deviation(torch.from_numpy(mean), torch.from_numpy(square)).numpy()
        features[chosen] = np.concatenate([mean, spread], axis=1)
    return hears, features, coverage


def between(times, low, high):
    """Index ranges of sorted times that lie in [low, high)."""
    return np.searchsorted(times, low, side="left"), np.searchsorted(times, high, side="left")


def _sums(values, first, last):
    """Sums of rows first:last of values (M, C), for many ranges at once: (N, C)."""
    running = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return running[last] - running[first]
