"""Pool the voice's features over windows, and judge each window by the heads of the voice network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from emorec.emotions import EMOTIONS, fold
from emorec.extraction.features import Features
from emorec.extraction.speakers import NEAR, in_view
from emorec.extraction.spoken import OFF_SCREEN, PERSON, SPEECH, UNSURE
from emorec.inference import fusion as fusions
from emorec.inference.coverage import sums
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import deviation

RELATIVE = "relative"  # the voice network's head for features relative to a baseline, see baseline.py
SILENT = 0.02  # smallest weight of a hop, so that a clip without detected speech still has a pooled value
UNSURE_SHARE = 0.5  # of a hop that may or may not be the person's
BATCH = 512  # windows pooled at a time, which bounds the memory for long recordings
MAX_HOPS = 4096  # that windows pooled together span: with little speech, BATCH of them may lie hours apart
HOPS = 1 << 15  # weighed at a time: of a whole day, copies of all embeddings in full precision would take 600 MB
MAX_KEPT = 16  # voices in windows that are kept with features; of an hour each takes about 1 MB


@dataclass(frozen=True)
class Voice:
    """The voice in N windows, which persons may share: the voice's part of ``pooling.Pooled``."""

    features: np.ndarray
    probabilities: np.ndarray
    relative: np.ndarray
    coverage: np.ndarray
    certainty: np.ndarray


def share_of(features: Features, person: int) -> np.ndarray | None:
    """How much each voice hop (H,) counts as a person's, from 0 to 1; None if every hop counts.

    Every hop counts if ``person`` is -1, for whoever speaks, and if it is not known who speaks. A hop whose speaker is
    unsure counts by half for the persons in view, and not at all for others.
    """
    arrays = features.arrays
    voices = arrays.get(PERSON)
    if voices is None or person < 0:
        return None
    unsure = (voices == UNSURE) & in_view(arrays, np.array([person]), features.hop_seconds)[:, 0]
    return np.where(voices == person, 1.0, np.where(unsure, UNSURE_SHARE, 0.0))


def speakers_of(features: Features, low: np.ndarray, high: np.ndarray, whose: np.ndarray | int = -1) -> np.ndarray:
    """Whose voice is read in each window [low, high) (s), (N,): a person's number, -1 for somebody who is not known.

    It is that of ``whose``, one for all windows or (N,) one for each. Where that is -1 (whoever speaks), it is the
    person to whom most of the speech belongs; for speech of an unsure speaker the person in view counts. All are -1 if
    the features do not tell who speaks.
    """
    arrays, given = features.arrays, np.broadcast_to(np.asarray(whose), len(low))
    if PERSON not in arrays:
        return np.full(len(low), -1)
    unknown = np.flatnonzero(given < 0)
    if not len(unknown):
        return given.copy()
    person, half = arrays[PERSON], features.hop_seconds / 2
    spoken = arrays["voice_speech"] >= SPEECH
    person = np.where(person == UNSURE, _nearest(arrays), person)
    numbers = np.append(np.unique(person[person >= 0]), OFF_SCREEN)
    first, last = index_range(arrays["voice_time"], low[unknown] - half + 1e-9, high[unknown] + half - 1e-9)
    counts = sums(((person[:, None] == numbers) & spoken[:, None]).astype(float), first, last)
    found = given.copy()
    found[unknown] = numbers[counts.argmax(axis=1)]
    return found


def _nearest(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The person (H,) whose face is nearest in time to each voice hop, OFF_SCREEN if there is none near."""
    times, faces = arrays["voice_time"], arrays["face_time"]
    if not len(faces):
        return np.full(len(times), OFF_SCREEN)
    after = np.clip(np.searchsorted(faces, times), 1, max(len(faces) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(faces) - 1)
    nearest = np.where(times - faces[before] <= faces[after] - times, before, after)
    return np.where(np.abs(faces[nearest] - times) <= NEAR, arrays["face_person"][nearest], OFF_SCREEN)


def pooled_voice(
    features: Features,
    model: Checkpoint,
    low: np.ndarray,
    high: np.ndarray,
    with_features: bool = True,
    person: int | np.ndarray = -1,
) -> Voice:
    """The voice in windows [low, high) (s), (N,) each; without ``with_features`` its pooled features are 0.

    ``person`` is one for all windows, or (N,) one for each: only their hops count (see ``share_of``); -1 is whoever
    speaks.
    """
    persons = np.broadcast_to(np.asarray(person), len(low))
    numbers = np.unique(persons)
    if len(numbers) == 1:
        return _voice_of(int(numbers[0]), features, model, low, high, with_features)
    chosen = [np.flatnonzero(persons == number) for number in numbers]
    voices = [
        _voice_of(int(number), features, model, low[rows], high[rows], with_features)
        for number, rows in zip(numbers, chosen, strict=True)
    ]
    order = np.argsort(np.concatenate([*chosen, np.zeros(0, np.int64)]), kind="stable")
    names = ("features", "probabilities", "relative", "coverage", "certainty")
    if not voices:
        return _voice_of(-1, features, model, low, high, with_features)
    return Voice(*(np.concatenate([getattr(voice, name) for voice in voices])[order] for name in names))


def _voice_of(
    person: int, features: Features, model: Checkpoint, low: np.ndarray, high: np.ndarray, with_features: bool
) -> Voice:
    """The voice of one person, or -1 for whoever speaks; without features it is kept for the next call."""
    width, share = 2 * model.voice.config.embedding, share_of(features, person)
    if with_features:
        pooled = np.zeros((len(low), width), np.float32)
        return Voice(pooled, *pool_voice(features, model, low, high, pooled, share))
    key = (model.fingerprint, low.tobytes(), high.tobytes(), b"" if share is None else share.tobytes())
    voice = features.kept.get(key)
    if voice is None:
        nothing = np.broadcast_to(np.zeros((), np.float32), (len(low), width))
        voice = Voice(nothing, *pool_voice(features, model, low, high, None, share))
        if len(features.kept) >= MAX_KEPT:
            features.kept.clear()
        features.kept[key] = voice  # another thread may clear it at any time, so it is not read again here
    return voice


def pool_voice(
    features: Features,
    model: Checkpoint,
    low: np.ndarray,
    high: np.ndarray,
    pooled_features: np.ndarray | None = None,
    share: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (N, 7) of the voice in windows [low, high) (s), the logits (N, labels) of the head "relative" (no
    columns without one), the share (N,) of each window with speech, and how surely that speech is the person's, from 0
    to 1 (N,); the first two are NaN without speech.

    The attention-weighted mean and standard deviation of the hops (N, 2 D) are written into ``pooled_features``, unless
    it is None, for windows with speech only. ``share`` (H,) is how much each hop counts, see ``share_of``.
    """
    arrays, hop_seconds = features.arrays, features.hop_seconds
    probabilities = np.full((len(low), len(EMOTIONS)), np.nan)
    relative = np.full((len(low), len(model.voice.config.heads.get(RELATIVE, ()))), np.nan)
    half = hop_seconds / 2
    first, last = index_range(arrays["voice_time"], low - half + 1e-9, high + half - 1e-9)
    speech = arrays["voice_speech"].astype(np.float64)
    if not len(speech):
        return probabilities, relative, np.zeros(len(low)), np.zeros(len(low))
    counted = np.ones(len(speech)) if share is None else share
    heard = (speech >= SPEECH) * counted
    spoken, own = sums(np.column_stack([heard, heard * counted]), first, last).T
    certainty = np.divide(own, spoken, out=np.zeros_like(own), where=spoken > 0)
    coverage = np.minimum(spoken * hop_seconds / np.maximum(high - low, hop_seconds), 1.0)
    device, labels = next(model.voice.parameters()).device, model.voice.config.heads["emotions"]
    with torch.inference_mode():
        sizes = model.voice.parts
        weight = _hop_weights(model, arrays["voice_embedding"], np.maximum(speech, SILENT) * counted)
        for chosen in _batches(np.flatnonzero(fusions.enough(coverage)), first, last):
            part = slice(first[chosen].min(), last[chosen].max())
            ranges = first[chosen] - part.start, last[chosen] - part.start
            mean, square = _moments(weight[part], arrays["voice_embedding"][part], sizes, *ranges)
            spread = deviation(torch.from_numpy(mean), torch.from_numpy(square)).numpy()
            pooled = np.concatenate([mean, spread], axis=1, dtype=np.float32)
            inputs = torch.from_numpy(pooled).to(device)
            logits = model.voice.classify(inputs).cpu().numpy()
            probabilities[chosen] = fold(fusions.softmax(logits.astype(np.float64)), labels)
            if relative.shape[1]:
                relative[chosen] = model.voice.classify(inputs, RELATIVE).cpu().numpy()
            if pooled_features is not None:
                pooled_features[chosen] = pooled
    return probabilities, relative, coverage, certainty


def _batches(rows: np.ndarray, first: np.ndarray, last: np.ndarray) -> Iterator[np.ndarray]:
    """Divide windows (their ``rows``, in order of time) into parts of at most BATCH that span at most MAX_HOPS.

    ``first`` and ``last`` (exclusive) are the hops of every window; one that is longer is a part of its own.
    """
    while len(rows):
        part = rows[:BATCH]
        near = np.logical_and.accumulate(last[part] - first[part[0]] <= MAX_HOPS)
        part = part[: max(1, int(near.sum()))]
        yield part
        rows = rows[len(part) :]


def _hop_weights(model: Checkpoint, embeddings: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """The weights (H, parts) of voice hops from their embeddings (H, D) and how much speech each has (H,)."""
    device, size = next(model.voice.parameters()).device, model.voice.parts[0]  # attention sees only the first part
    weights = []
    for begin in range(0, len(speech), HOPS):
        part = slice(begin, begin + HOPS)
        hops = torch.from_numpy(embeddings[part, :size].astype(np.float32)).to(device)
        weights.append(model.voice.hop_weights(hops, _tensor(speech[part], device)).cpu().numpy())
    return np.concatenate(weights)


def _tensor(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """Values as a tensor on a device, in their own precision if the device has it."""
    return torch.from_numpy(values.astype(np.float32) if device.type == "mps" else values).to(device)


def _moments(
    weights: np.ndarray, embeddings: np.ndarray, sizes: Sequence[int], first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means of embeddings (M, D) and of their squares over ranges of rows first:last, (N, D) each.

    An embedding consists of parts of the given ``sizes``, each with its own column of the weights (M, parts).
    """
    means, squares = [], []
    for weight, values in zip(weights.T, np.split(embeddings, np.cumsum(sizes)[:-1], axis=1), strict=True):
        whole = np.maximum(sums(weight[:, None], first, last), 1e-8)
        weighted = weight[:, None] * values
        means.append(sums(weighted, first, last) / whole)
        weighted *= values
        squares.append(sums(weighted, first, last) / whole)
    return np.concatenate(means, axis=1), np.concatenate(squares, axis=1)


def index_range(times: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last (exclusive) indices (N,) of sorted times (M,) in [low, high) (N,)."""
    return np.searchsorted(times, low, side="left"), np.searchsorted(times, high, side="left")
