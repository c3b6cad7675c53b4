"""Pool features over windows: mean embeddings, probabilities before calibration, and coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emorec.emotions import fold
from emorec.extraction.features import Features
from emorec.extraction.persons import shown_until
from emorec.extraction.spoken import SPEECH
from emorec.inference import fusion as fusions
from emorec.inference.coverage import covered_seconds, integrals, lengths, overlapping_indices
from emorec.inference.voice_pooling import Voice, pooled_voice, share_of, speakers_of
from emorec.models.checkpoint import Checkpoint

QUALITY_FLOOR = 0.05  # added to the quality of a face, so that a window of poor faces still has probabilities
MIN_SHARE = 0.5  # of the longest visible time in a window; persons with less are not chosen for it
OUTSIDE = 1e-6  # weight of time outside a row against time in it
BATCH = 512  # windows pooled at a time, which bounds the memory for long recordings


Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Pooled:
    """The pooled features of N windows.

    ``face_features`` (N, Df) and ``voice_features`` (N, 2 Dv) are 0 without evidence, ``face_probabilities`` and
    ``voice_probabilities`` (N, 7), before calibration, NaN, and so are the logits of the head "relative" in
    ``voice_relative`` (N, labels), which has no columns if the network has no such head. ``face_coverage`` and
    ``voice_coverage`` (N,) are shares of the window, ``person`` (N,) is -1 without a face, ``speaker`` (N,) whose voice
    it is, -1 if that is not known, and ``seconds`` (N,) are the lengths of the windows.
    """

    face_features: np.ndarray
    face_probabilities: np.ndarray
    face_coverage: np.ndarray
    voice_features: np.ndarray
    voice_probabilities: np.ndarray
    voice_relative: np.ndarray
    voice_coverage: np.ndarray
    voice_certainty: np.ndarray
    person: np.ndarray
    speaker: np.ndarray
    seconds: np.ndarray


def pool(
    features: Features,
    model: Checkpoint,
    low: np.ndarray,
    high: np.ndarray,
    person: int | np.ndarray | None = None,
    with_features: bool = True,
    rows: tuple[np.ndarray, np.ndarray] | None = None,
    voice: Voice | None = None,
    everybody: bool = False,
) -> Pooled:
    """Pool the features in windows [low, high) (s), (N,) each.

    ``person`` is one for all windows, or (N,) one for each, -1 for none. Without it each window describes a person who
    is visible in it for long; if ``rows`` gives the starts and ends (s) of the windows' rows, visible in the row. Only
    intermediate fusion needs the pooled features, which take the most time: without ``with_features`` they are all 0.
    ``voice`` is what ``pooled_voice`` gives for these windows, if it is known already. Otherwise the voice is that of
    the person of each window, of whoever speaks if there is none, or of ``everybody``.
    """
    arrays, until = features.arrays, features.until
    labels, width = len(model.face.config.labels), model.face.config.widths[-1]
    face_features, logs = np.zeros((len(low), width), np.float32), np.zeros((len(low), labels))
    persons, seen = np.full(len(low), -1 if person is None else person), np.zeros(len(low))
    face_until = shown_until(arrays, until)
    for begin in range(0, len(low), BATCH):
        block = slice(begin, begin + BATCH)
        faces = _Faces(arrays, face_until, low[block], high[block])
        if person is None:
            ranges = (rows[0][block], rows[1][block]) if rows else (low[block], high[block])
            persons[block] = faces.persons_of_windows(features.persons, *ranges)
        faces.pool(persons[block], face_features[block] if with_features else None, logs[block], seen[block])
    share = np.minimum(seen / lengths(low, high, until), 1.0)
    has_face = fusions.enough(share)
    face_features[~has_face] = 0
    face = fold(np.exp(logs), model.face.config.labels)
    face[~has_face] = np.nan

    whose = np.where(has_face, persons, -1) if person is None else persons
    if everybody:
        whose = np.full(len(low), -1)
    if voice is None:
        voice = pooled_voice(features, model, low, high, with_features, whose)
    return Pooled(
        face_features=face_features,
        face_probabilities=face,
        face_coverage=share,
        voice_features=voice.features,
        voice_probabilities=voice.probabilities,
        voice_relative=voice.relative,
        voice_coverage=voice.coverage,
        voice_certainty=voice.certainty,
        person=np.where(has_face, persons, -1),
        speaker=speakers_of(features, low, high, whose),
        seconds=high - low,
    )


def coverage(
    features: Features, low: np.ndarray, high: np.ndarray, persons: np.ndarray, whose: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Shares (N,) of the ranges [low, high) (s) in which their person (-1: none) is visible, and with speech.

    Only the speech of the persons ``whose`` (N,), by default the same ones, counts; -1 is whoever speaks.
    """
    arrays, until = features.arrays, features.until
    face_until, seen = shown_until(arrays, until), np.zeros(len(low))
    for person in np.unique(persons[persons >= 0]):
        faces, windows = arrays["face_person"] == person, persons == person
        seen[windows] = covered_seconds(arrays["face_time"][faces], face_until[faces], low[windows], high[windows])
    whose, spoken = persons if whose is None else whose, np.zeros(len(low))
    for person in np.unique(whose):
        rows = whose == person
        spoken[rows] = speech(features, low[rows], high[rows], share_of(features, int(person)))
    return np.minimum(seen / lengths(low, high, until), 1.0), spoken


def speech(features: Features, low: np.ndarray, high: np.ndarray, share: np.ndarray | None = None) -> np.ndarray:
    """The share (N,) of the ranges [low, high) (s) with speech; ``share`` (H,) is how much each hop counts."""
    arrays, half = features.arrays, features.hop_seconds / 2
    # Hops at the same time, of channels that are split, cover it only once.
    times, of_time = np.unique(arrays["voice_time"], return_inverse=True)
    spoken = (arrays["voice_speech"] >= SPEECH).astype(float)
    counted = np.minimum(np.bincount(of_time, spoken if share is None else spoken * share, len(times)), 1.0)
    seconds = integrals(counted[:, None], times - half, times + half, low, high)[:, 0]
    return np.minimum(seconds / lengths(low, high, features.until), 1.0)


class _Faces:
    """The faces in windows [low, high) (s), (N,) each, weighted by quality and by how long they are shown.

    ``face_until`` (s) is when the picture of each face is replaced.
    """

    def __init__(self, arrays: Arrays, face_until: np.ndarray, low: np.ndarray, high: np.ndarray):
        first, last = overlapping_indices(arrays["face_time"], face_until, low, high)
        part = slice(first.min(), last.max())
        self._low, self._high = low, high
        self._arrays = {name: arrays[name][part] for name in ("face_logits", "face_embedding")}
        self._begin, self._end = arrays["face_time"][part], face_until[part]
        self._quality = arrays["face_quality"][part].astype(np.float64) + QUALITY_FLOOR
        persons = arrays["face_person"][part]
        self._faces_of = {int(person): np.flatnonzero(persons == person) for person in np.unique(persons)}

    def _integrals(self, person: int, values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Sums (N, C) over a person's M faces of values (M, C) times the seconds that each is shown in [low, high)."""
        faces = self._faces_of[person]
        return integrals(values, self._begin[faces], self._end[faces], low, high)

    def persons_of_windows(self, ranked: list[int], low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The person that each window describes, -1 for none: (N,).

        It is chosen from the persons who are visible in the window for long enough to count as evidence, if there are
        any. Of these only the ones count who are visible for at least MIN_SHARE of the longest time, weighted by
        quality, in the range [low, high) (s) of the window, or in the whole window if nobody is visible in the range.
        Of these it is the first in ``ranked``, so that all windows with the same two persons describe the same one.
        """
        persons = [person for person in ranked if person in self._faces_of]
        enough = fusions.MIN_COVERAGE * (self._high - self._low) - fusions.ROUNDING
        times, best = np.zeros((len(low), len(persons))), np.full(len(low), -1)
        if not persons:
            return best
        for column, person in enumerate(persons):
            faces = self._faces_of[person]
            values = np.column_stack([np.ones(len(faces)), self._quality[faces]])
            seen, weighted = self._integrals(person, values, self._low, self._high).T
            inside = self._integrals(person, values[:, 1:], low, high)[:, 0]
            # Time in the range itself comes first, then time in the rest of the window, then too little time.
            outside = weighted * OUTSIDE
            times[:, column] = np.where(seen >= enough, inside + outside, outside * OUTSIDE)
        longest = times.max(axis=1)
        chosen = (times >= MIN_SHARE * longest[:, None]).argmax(axis=1)
        return np.where(longest > 0, np.array(persons)[chosen], -1)

    def pool(self, persons: np.ndarray, features: np.ndarray | None, logs: np.ndarray, seen: np.ndarray) -> None:
        """Write the mean embeddings (N, D) into ``features`` unless it is None, the mean log probabilities of the
        network's labels (N, labels) into ``logs``, and the seconds with a face (N,) into ``seen``.

        ``persons`` (N,) are those that the windows describe; rows of windows without them stay as they are.
        """
        for person in self._faces_of.keys() & set(persons.tolist()):
            faces, windows = self._faces_of[person], np.flatnonzero(persons == person)
            weight = self._quality[faces, None]
            columns = np.log(fusions.softmax(self._arrays["face_logits"][faces].astype(np.float64)) + 1e-9)
            if features is not None:
                columns = np.concatenate([columns, self._arrays["face_embedding"][faces]], axis=1)
            values = np.concatenate([np.ones_like(weight), weight, weight * columns], axis=1)
            total = self._integrals(person, values, self._low[windows], self._high[windows])
            windows, total = windows[total[:, 0] > 0], total[total[:, 0] > 0]
            means = total[:, 2:] / total[:, 1:2]
            seen[windows], logs[windows] = total[:, 0], means[:, : logs.shape[1]]
            if features is not None:
                features[windows] = means[:, logs.shape[1] :]
