"""What a model says of pooled windows: log likelihoods of the seven emotions by any of the fusions, and smoothing."""

import numpy as np
import torch

from emorec.emotions import fold
from emorec.inference import fusion as fusions
from emorec.inference.fusion import softmax

ROWS_AT_ONCE = 1024  # rows fused in one go, so that what lies between stays in a processor's cache


def fuse(pooled, model, fusion):
    """Log likelihoods (N, 7) of face, of voice and of both fused, and the evidence (N,) behind the last."""
    calibration = model.calibration
    face = calibration.face.log_likelihood(pooled.face_probabilities)
    voice = calibration.voice.log_likelihood(pooled.voice_probabilities)
    face_evidence = fusions.evidence(face, pooled.face_coverage, pooled.seconds)
    voice_evidence = fusions.evidence(voice, pooled.voice_coverage, pooled.seconds)
    either = np.maximum(face_evidence, voice_evidence)
    alone = fusions.weighed(face, face_evidence), fusions.weighed(voice, voice_evidence)
    if fusion == "face":
        return *alone, alone[0], face_evidence
    if fusion == "voice":
        return *alone, alone[1], voice_evidence
    if fusion == "late":
        return *alone, fusions.late(face, voice, face_evidence, voice_evidence, calibration), either
    joint = _intermediate(pooled, model, face_evidence > 0, voice_evidence > 0)
    return *alone, fusions.weighed(joint, either), either


@torch.inference_mode()
def _intermediate(pooled, model, has_face, has_voice):
    device = next(model.fusion.parameters()).device
    inputs = (pooled.face_features, pooled.voice_features, has_face, has_voice)
    logits = np.zeros((len(has_face), len(model.fusion.config.labels)))
    for begin in range(0, len(has_face), ROWS_AT_ONCE):
        block = slice(begin, begin + ROWS_AT_ONCE)
        parts = (torch.from_numpy(np.asarray(part[block], np.float32)).to(device) for part in inputs)
        logits[block] = model.fusion(*parts).cpu().numpy()
    probabilities = fold(softmax(logits), model.fusion.config.labels)
    joint = model.calibration.fusion.log_likelihood(probabilities)
    joint[~(has_face | has_voice)] = np.nan
    return joint


def smoothed(probabilities, middle, seconds):
    """Rows with evidence averaged over time with a Gaussian of that deviation; rows without stay NaN.

    ``middle`` (s) is that of every row; all but the last are evenly apart.
    """
    known = ~np.isnan(probabilities[:, 0])
    # Beside the probabilities their weight: each row counts once where it is known.
    columns = np.column_stack([np.nan_to_num(probabilities), known])
    reach = 4 * seconds + 1e-9  # never so little that a row leaves itself out
    even, last = columns[:-1], columns[-1:]
    total = np.zeros_like(columns)
    if len(even):
        step = (middle[-2] - middle[0]) / max(len(even) - 1, 1) or 1.0
        lags = min(int(reach / step), len(even) - 1)
        kernel = np.exp(-0.5 * (np.arange(-lags, lags + 1) * step / seconds) ** 2)
        for column, sums in zip(even.T, total.T, strict=True):
            sums[:-1] = np.convolve(column, kernel)[lags : lags + len(even)]
    if len(last):
        near = np.flatnonzero(middle[-1] - middle <= reach)
        weights = np.exp(-0.5 * ((middle[near] - middle[-1]) / seconds) ** 2)[:, None]
        total[near[:-1]] += weights[:-1] * last
        total[-1] = (weights * columns[near]).sum(axis=0)
    out = np.full_like(probabilities, np.nan)
    out[known] = total[known, :-1] / total[known, -1:]
    return out
