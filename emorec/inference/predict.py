"""Log likelihoods of the seven emotions for pooled windows, by any of the fusions, and smoothing over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from emorec.emotions import fold
from emorec.inference import baseline as baselines
from emorec.inference import fusion as fusions
from emorec.inference import usual_expression
from emorec.inference.fusion import softmax
from emorec.inference.pooling import Pooled
from emorec.inference.usual_expression import Usual
from emorec.models.checkpoint import Checkpoint

BATCH = 1024  # rows fused at a time, so that intermediate results stay in the processor's cache
NOBODY = -1  # in smoothing: a row whose person is not known
SOMEBODY = -2  # in smoothing: the voice of somebody who is none of the recording's persons


def fuse(
    pooled: Pooled,
    model: Checkpoint,
    fusion: str,
    own: Mapping[int, baselines.Baseline] | None = None,
    usual: Mapping[int, Usual] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log likelihoods (N, 7) from the face, from the voice and from their fusion, and the evidence (N,) of the last.

    Voices are read relative to the ``own`` baselines of those who speak, by number, and the ``usual`` expression of
    persons, by number, is taken out of their faces; intermediate fusion uses neither.
    """
    calibration = model.calibration
    face = calibration.face.log_likelihood(pooled.face_probabilities)
    voice = calibration.voice.log_likelihood(pooled.voice_probabilities)
    face_evidence = fusions.evidence(face, pooled.face_coverage, pooled.seconds)
    # A voice that may be somebody else's is less evidence, however long it is heard.
    voice_evidence = fusions.evidence(voice, pooled.voice_coverage, pooled.seconds) * pooled.voice_certainty
    face = usual_expression.remove_usual(face, pooled.person, usual or {})
    voice = baselines.apply_baselines(voice, pooled.voice_relative, pooled.speaker, own or {}, model)
    either = np.maximum(face_evidence, voice_evidence)
    alone = fusions.weighted(face, face_evidence), fusions.weighted(voice, voice_evidence)
    if fusion == "face":
        return *alone, alone[0], face_evidence
    if fusion == "voice":
        return *alone, alone[1], voice_evidence
    if fusion == "late":
        return *alone, fusions.late(face, voice, face_evidence, voice_evidence, calibration), either
    has_face, has_voice = face_evidence > 0, voice_evidence > 0
    joint = _intermediate(pooled, model, has_face, has_voice)
    doubtful = has_face & has_voice & (pooled.voice_certainty < 1)
    if doubtful.any():
        without = _intermediate(pooled, model, has_face, has_voice & ~doubtful)
        certainty = np.where(doubtful, pooled.voice_certainty, 1.0)
        joint = fusions.weighted(joint, certainty) + fusions.weighted(without, 1 - certainty)
    return *alone, fusions.weighted(joint, either), either


@torch.inference_mode()
def _intermediate(pooled: Pooled, model: Checkpoint, has_face: np.ndarray, has_voice: np.ndarray) -> np.ndarray:
    """Log likelihoods (N, 7) from the fusion network, NaN in rows with neither face nor voice."""
    device = next(model.fusion.parameters()).device
    inputs = (pooled.face_features, pooled.voice_features, has_face, has_voice)
    logits = np.zeros((len(has_face), len(model.fusion.config.labels)))
    for begin in range(0, len(has_face), BATCH):
        block = slice(begin, begin + BATCH)
        parts = (torch.from_numpy(np.asarray(part[block], np.float32)).to(device) for part in inputs)
        logits[block] = model.fusion(*parts).cpu().numpy()
    probabilities = fold(softmax(logits), model.fusion.config.labels)
    joint = model.calibration.fusion.log_likelihood(probabilities)
    joint[~(has_face | has_voice)] = np.nan
    return joint


def smooth(
    probabilities: np.ndarray, middle: np.ndarray, seconds: float, persons: np.ndarray | None = None
) -> np.ndarray:
    """Probabilities (N, 7) averaged over time by a Gaussian with a standard deviation of ``seconds``.

    ``middle`` (s) (N,) are the middles of the rows; all but the last are equally spaced. Rows without evidence are NaN,
    stay NaN, and do not count for others. Only rows of the same one of ``persons`` (N,) are averaged: numbers, or
    SOMEBODY; a row of NOBODY counts as one of the person before it, or of the first one.
    """
    if persons is not None:
        persons = _carried(persons)
    known = ~np.isnan(probabilities[:, 0])
    # The last column is the weight of a row: 1 with evidence, 0 without.
    columns = np.column_stack([np.nan_to_num(probabilities), known])
    reach = 4 * seconds + 1e-9  # never 0, so that a row always includes itself
    even, last = columns[:-1], columns[-1:]
    total = np.zeros_like(columns)
    if len(even):
        step = (middle[-2] - middle[0]) / max(len(even) - 1, 1) or 1.0
        lags = min(int(reach / step), len(even) - 1)
        kernel = np.exp(-0.5 * (np.arange(lags + 1) * step / seconds) ** 2)
        total[:-1] = _sums(even, kernel) if persons is None else _sums_apart(even, kernel, persons[:-1])
    if len(last):
        near = np.flatnonzero(middle[-1] - middle <= reach)
        if persons is not None:
            near = near[persons[near] == persons[-1]]
        weights = np.exp(-0.5 * ((middle[near] - middle[-1]) / seconds) ** 2)[:, None]
        total[near[:-1]] += weights[:-1] * last
        total[-1] = (weights * columns[near]).sum(axis=0)
    out = np.full_like(probabilities, np.nan)
    out[known] = total[known, :-1] / total[known, -1:]
    return out


def _carried(persons: np.ndarray) -> np.ndarray | None:
    """The persons (N,) with the one before, or the first one, in each row of NOBODY; None if all are the same."""
    rows = np.flatnonzero(persons != NOBODY)
    if not len(rows):
        return None
    carried = persons[rows[np.maximum(np.searchsorted(rows, np.arange(len(persons)), side="right") - 1, 0)]]
    return carried if (carried != carried[0]).any() else None


def _sums(columns: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Sums (N, C) of the rows of ``columns`` (N, C) around each row, with the weight ``kernel`` (L,) by distance."""
    both, reach = np.concatenate([kernel[:0:-1], kernel]), len(kernel) - 1
    return np.stack([np.convolve(column, both)[reach : reach + len(column)] for column in columns.T], axis=1)


def _sums_apart(columns: np.ndarray, kernel: np.ndarray, persons: np.ndarray) -> np.ndarray:
    """``_sums`` over the rows of the same one of ``persons`` (N,) only; the time does not depend on their number."""
    columns = np.ascontiguousarray(columns.T)
    total = columns * kernel[0]
    for lag, weight in enumerate(kernel[1:].tolist(), 1):
        weights = weight * (persons[lag:] == persons[:-lag])
        total[:, lag:] += weights * columns[:, :-lag]
        total[:, :-lag] += weights * columns[:, lag:]
    return total.T
