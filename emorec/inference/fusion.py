"""Evidence and late fusion: the log likelihoods of face and voice are combined into one.

All functions work on arrays with one row per window and one column per emotion; a row without evidence is NaN. A prior
turns log likelihoods into probabilities, see ``emorec.inference.prior``.
"""

import numpy as np

from emorec.errors import EmorecError
from emorec.models.calibration import Calibration

FUSIONS = ("late", "intermediate", "face", "voice")

# Share of a window with a face (or with speech); a smaller share counts as no evidence.
MIN_COVERAGE = 0.1
ROUNDING = 1e-6  # seconds, or a share; a coverage that lacks no more than this counts as reached
# Seconds of a face, or of speech, that are full evidence of a modality. For RAVDESS clips cut to 1, 2, 3, 4 and 6 hops
# (0.256 s each) of speech, the best scale of the log likelihoods on unseen people, relative to whole clips, is 0.23,
# 0.42, 0.70, 0.85 and 0.97. So evidence grows with the length, and is full at about 1.2 s.
FULL_SECONDS = 1.2


def check(fusion: str) -> None:
    """Raise EmorecError unless ``fusion`` is one of the four."""
    if fusion not in FUSIONS:
        raise EmorecError(f"The fusion {fusion!r} does not exist; choose one of {', '.join(FUSIONS)}.")


def enough(coverage: np.ndarray) -> np.ndarray:
    """Whether shares (N,) of windows or rows with a face, or with speech, count as evidence: (N,) bool."""
    return coverage >= MIN_COVERAGE - ROUNDING


def evidence(log_likelihoods: np.ndarray, coverage: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """How much evidence a modality has, (N,) from 0 (none) to 1 (full).

    ``log_likelihoods`` (N, 7) are NaN without evidence; ``coverage`` (N,) is the modality's share of windows that are
    ``seconds`` (N,) long.
    """
    amount = np.clip(coverage * seconds / FULL_SECONDS, 0.0, 1.0)
    return np.where(np.isnan(log_likelihoods[:, 0]), 0.0, amount)


def weighted(log_likelihoods: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log likelihoods (N, 7) times weights (N,): a small weight makes all emotions nearly equally likely. NaN stays."""
    return weights[:, None] * log_likelihoods


def late(
    face: np.ndarray, voice: np.ndarray, face_evidence: np.ndarray, voice_evidence: np.ndarray, calibration: Calibration
) -> np.ndarray:
    """Weighted sum of the log likelihoods (N, 7) of both modalities, each scaled by its evidence (N,).

    The weights of the calibration apply if both have full evidence; a single modality has the weight 1. A row without
    any evidence stays NaN.
    """
    # 1 without the other modality, the calibration's weight if the other has full evidence.
    face_weight = face_evidence * (1 - (1 - calibration.face_weight) * voice_evidence)
    voice_weight = voice_evidence * (1 - (1 - calibration.voice_weight) * face_evidence)
    joint = np.nan_to_num(weighted(face, face_weight)) + np.nan_to_num(weighted(voice, voice_weight))
    joint[(face_evidence <= 0) & (voice_evidence <= 0)] = np.nan
    return joint


def mean(face: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """The mean of the probabilities (N, 7) of two modalities: the baseline that late fusion must beat."""
    both = np.stack([face, voice])
    known = ~np.isnan(both[..., 0])
    total = np.where(known[..., None], both, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)


def disagreement(face: np.ndarray, voice: np.ndarray) -> np.ndarray:
    """Jensen-Shannon divergence (bits) of two distributions (N, 7): 0 is equal, 1 disjoint, NaN if one is missing."""
    middle = (face + voice) / 2

    def divergence(p: np.ndarray) -> np.ndarray:
        return (p * (np.log2(np.maximum(p, 1e-12)) - np.log2(np.maximum(middle, 1e-12)))).sum(axis=1)

    return np.clip((divergence(face) + divergence(voice)) / 2, 0.0, 1.0)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Softmax of logits (..., C) over the last axis."""
    shifted = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
