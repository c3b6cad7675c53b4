"""What lies in each of many windows of Features: pooled features, raw probabilities, and how much evidence."""

from dataclasses import dataclass

import numpy as np
import torch

from emorec.emotions import EMOTIONS, fold
from emorec.inference import fusion as fusions
from emorec.inference.coverage import integrals, lengths, seconds, shown_until, sums, within
from emorec.models.networks import deviation

SPEECH = 0.5  # probability from which on a hop counts as speech
SILENT = 0.02  # least weight of a hop, so that a clip whose speech goes unnoticed still has a pooled value
QUALITY_FLOOR = 0.05  # weight of the poorest face, so that a window of poor faces still has an opinion
ALIKE = 0.5  # share of the longest time in a window that a person needs to be preferred for being seen most of all
ROUNDING = 1e-6  # seconds, or a share, within which a coverage counts as reached
TRIFLE = 1e-6  # weight of time around a row against time in it
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


def pool(observations, model, low, high, person=None, with_features=True, rows=None):
    """What windows [low, high) (s, arrays) of the observations hold, as Pooled.

    Without ``person`` a window is about a person who is seen in it for long: in its row if ``rows`` gives their starts
    and ends (s). Only intermediate fusion needs the pooled features, which cost the most: without ``with_features``
    they are all 0.
    """
    arrays, until = observations.arrays, observations.until
    labels, width = len(model.face.config.labels), model.face.config.widths[-1]
    features, logs = np.zeros((len(low), width), np.float32), np.zeros((len(low), labels))
    who, seen = np.full(len(low), -1 if person is None else person), np.zeros(len(low))
    face_until = shown_until(arrays, until)
    for begin in range(0, len(low), WINDOWS_AT_ONCE):
        block = slice(begin, begin + WINDOWS_AT_ONCE)
        faces = _Faces(arrays, face_until, low[block], high[block])
        if person is None:
            shares = tuple(ends[block] for ends in rows) if rows else (low[block], high[block])
            who[block] = faces.persons_of_windows(observations.persons, *shares)
        faces.pool(who[block], features[block] if with_features else None, logs[block], seen[block])
    share = np.minimum(seen / lengths(low, high, until), 1.0)
    has_face = share >= fusions.MIN_COVERAGE - ROUNDING
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
        face_coverage=share,
        voice_features=voice_features,
        voice_probabilities=voice,
        voice_coverage=speech_coverage,
        person=np.where(has_face, who, -1),
        seconds=high - low,
    )


def coverage(observations, low, high, who):
    """Shares of the ranges [low, high) (s, arrays) with a face of the person ``who`` (N,) in them, and with speech."""
    arrays, until = observations.arrays, observations.until
    face_until, seen = shown_until(arrays, until), np.zeros(len(low))
    for person in np.unique(who[who >= 0]):
        mine, asked = arrays["face_person"] == person, who == person
        seen[asked] = seconds(arrays["face_time"][mine], face_until[mine], low[asked], high[asked])
    half = observations.hop_seconds / 2
    hops = between(arrays["voice_time"], low - half + 1e-9, high + half - 1e-9)
    spoken = sums((arrays["voice_speech"] >= SPEECH).astype(float)[:, None], *hops)[:, 0]
    face = np.minimum(seen / lengths(low, high, until), 1.0)
    return face, spoken / np.maximum(hops[1] - hops[0], 1)


class _Faces:
    """The faces in a block of windows [low, high) (s, arrays), weighted by quality and by how long they are shown."""

    def __init__(self, arrays, face_until, low, high):
        first, last = within(arrays["face_time"], face_until, low, high)
        part = slice(first.min(), last.max())
        self._low, self._high = low, high
        self._arrays = {name: arrays[name][part] for name in ("face_logits", "face_embedding")}
        self._begin, self._end = arrays["face_time"][part], face_until[part]
        self._quality = arrays["face_quality"][part].astype(np.float64) + QUALITY_FLOOR
        numbers = arrays["face_person"][part]
        self._of = {int(person): np.flatnonzero(numbers == person) for person in np.unique(numbers)}

    def _sums(self, person, values, low, high):
        """Sums over a person's faces of values (M, C) times the seconds that they are shown in each range: (N, C)."""
        mine = self._of[person]
        return integrals(values, self._begin[mine], self._end[mine], low, high)

    def persons_of_windows(self, ranked, low, high):
        """Whose face each window is about, -1 for nobody's: (N,).

        Of the persons with enough time in the window for an opinion, if there are any, those count who are seen for
        long, weighted by quality, in the range [low, high) (s) of the window, or in all of it if none is seen there. Of
        these it is the first in ``ranked``: windows with the same two persons side by side are all about the same one.
        """
        persons = [person for person in ranked if person in self._of]
        enough = fusions.MIN_COVERAGE * (self._high - self._low) - ROUNDING
        times, best = np.zeros((len(low), len(persons))), np.full(len(low), -1)
        if not persons:
            return best
        for column, person in enumerate(persons):
            mine = self._of[person]
            values = np.column_stack([np.ones(len(mine)), self._quality[mine]])
            seen, weighted = self._sums(person, values, self._low, self._high).T
            inside = self._sums(person, values[:, 1:], low, high)[:, 0]
            # What is seen in the range itself comes before anything seen only around it, and that before too little.
            around = weighted * TRIFLE
            times[:, column] = np.where(seen >= enough, inside + around, around * TRIFLE)
        most = times.max(axis=1)
        chosen = (times >= ALIKE * most[:, None]).argmax(axis=1)
        return np.where(most > 0, np.array(persons)[chosen], -1)

    def pool(self, who, features, logs, seen):
        """Write mean embeddings (N, D), unless None, mean log-probabilities (N, native) and seconds with a face (N,).

        ``who`` (N,) says whose face each window is about; rows without it are left as they are.
        """
        for person in self._of.keys() & set(who.tolist()):
            mine, asked = self._of[person], np.flatnonzero(who == person)
            weight = self._quality[mine, None]
            told = np.log(fusions.softmax(self._arrays["face_logits"][mine].astype(np.float64)) + 1e-9)
            if features is not None:
                told = np.concatenate([told, self._arrays["face_embedding"][mine]], axis=1)
            values = np.concatenate([np.ones_like(weight), weight, weight * told], axis=1)
            total = self._sums(person, values, self._low[asked], self._high[asked])
            asked, total = asked[total[:, 0] > 0], total[total[:, 0] > 0]
            means = total[:, 2:] / total[:, 1:2]
            seen[asked], logs[asked] = total[:, 0], means[:, : logs.shape[1]]
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
    spoken = sums((speech >= SPEECH).astype(float)[:, None], first, last)[:, 0]
    coverage = np.minimum(spoken * hop_seconds / np.maximum(high - low, hop_seconds), 1.0)
    device, labels = next(model.voice.parameters()).device, model.voice.config.heads["emotions"]
    with torch.inference_mode():
        sizes = model.voice.parts  # the first of them alone is attended to
        hops = torch.from_numpy(arrays["voice_embedding"][:, : sizes[0]].astype(np.float32)).to(device)
        weight = model.voice.hop_weights(hops, torch.from_numpy(np.maximum(speech, SILENT)).to(device)).cpu().numpy()
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
        whole = np.maximum(sums(weight[:, None], first, last), 1e-8)
        weighted = weight[:, None] * values
        means.append(sums(weighted, first, last) / whole)
        weighted *= values
        squares.append(sums(weighted, first, last) / whole)
    return np.concatenate(means, axis=1), np.concatenate(squares, axis=1)


def between(times, low, high):
    """Index ranges of sorted times that lie in [low, high)."""
    return np.searchsorted(times, low, side="left"), np.searchsorted(times, high, side="left")
