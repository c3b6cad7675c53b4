"""From what face and voice say about a window to log likelihoods of the emotions: evidence and late fusion.

Plain arrays in, plain arrays out: windows are rows, emotions are columns, a row without evidence is NaN. A prior makes
probabilities of log likelihoods, see ``emorec.inference.prior``.
"""

import numpy as np

from emorec.errors import EmorecError
from emorec.models.calibration import Calibration

FUSIONS = ("late", "intermediate", "face", "voice")

# Below this share of a window with a face (or with speech), what little there is counts as no evidence.
MIN_COVERAGE = 0.1
# Seconds of a face, or of speech, from which on a modality has its full evidence. Of RAVDESS clips cut to 1, 2, 3, 4
# and 6 hops (0.256 s each) of speech, 0.23, 0.42, 0.70, 0.85 and 0.97 of the log likelihoods can be believed (the scale
# under which people never heard are likeliest): about in proportion, up to 1.2 s.
FULL_SECONDS = 1.2


def check(fusion: str) -> None:
    """Raise EmorecError unless ``fusion`` is one of the four."""
    if fusion not in FUSIONS:
        raise EmorecError(f"The fusion {fusion!r} does not exist; choose one of {', '.join(FUSIONS)}.")


def evidence(log_likelihoods: np.ndarray, coverage: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """How much evidence a modality has, (N,) from 0 (none) to 1 (full).

    ``log_likelihoods`` (N, 7) are NaN if it has none; ``coverage`` (N,) is its share of windows of ``seconds`` (N,).
    """
    heard = np.clip(coverage * seconds / FULL_SECONDS, 0.0, 1.0)
    return np.where(np.isnan(log_likelihoods[:, 0]), 0.0, heard)


def weighed(log_likelihoods: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log likelihoods (N, 7) times weights (N,): little evidence leaves them flat. NaN stays NaN."""
    return weights[:, None] * log_likelihoods


def late(
    face: np.ndarray, voice: np.ndarray, face_evidence: np.ndarray, voice_evidence: np.ndarray, calibration: Calibration
) -> np.ndarray:
    """Weighted sum of both modalities' log likelihoods (N, 7), each weighed by how much evidence (N,) it has.

    The weights of the calibration hold where both have full evidence; a modality that is alone has the weight 1. A row
    without either stays NaN.
    """
    face_weight = face_evidence * (1 - (1 - calibration.face_weight) * voice_evidence)
    voice_weight = voice_evidence * (1 - (1 - calibration.voice_weight) * face_evidence)
    joint = np.nan_to_num(weighed(face, face_weight)) + np.nan_to_num(weighed(voice, voice_weight))
    joint[(face_evidence <= 0) & (voice_evidence <= 0)] = np.nan
    return joint


def mean(face: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """The plain mean of two opinions (N, 7): the baseline that late fusion must beat."""
    both = np.stack([face, voice])
    known = ~np.isnan(both[..., 0])
    total = np.where(known[..., None], both, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)


def disagreement(face: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence of two opinions (N, 7), in bits: 0 the same, 1 disjoint, NaN if one is missing."""
    middle = (face + voice) / 2

    def divergence(p):
        return (p * (np.log2(np.maximum(p, 1e-12)) - np.log2(np.maximum(middle, 1e-12)))).sum(axis=1)

    return np.clip((divergence(face) + divergence(voice)) / 2, 0.0, 1.0)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    shifted = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
