"""From what face and voice say about a window to one set of probabilities: calibration and the four fusions.

Plain arrays in, plain arrays out: windows are rows, emotions are columns, a row without evidence is NaN.
"""

from dataclasses import dataclass

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError

FUSIONS = ("late", "intermediate", "face", "voice")

# Below this share of a window with a face (or with speech), what little there is counts as no evidence.
MIN_COVERAGE = 0.1

ZEROS = (0.0,) * len(EMOTIONS)


@dataclass(frozen=True)
class Calibration:
    """What is learned on validation people after the networks are done; all of it is applied to log-probabilities.

    A modality's opinion is ``softmax(scale * log p + bias)``. Late fusion pools the opinions' logarithms with the
    weights that ``face_trust`` gives (the share of the face where both have full evidence), sharpened by
    ``agreement`` where both speak: 0 averages them, 1 multiplies them as independent witnesses.
    ``face`` is for faces in recordings, ``still`` for those in pictures, which were taken for what they show.
    """

    face_scale: float = 1.0
    face_bias: tuple = ZEROS
    still_scale: float = 1.0
    still_bias: tuple = ZEROS
    voice_scale: float = 1.0
    voice_bias: tuple = ZEROS
    fusion_scale: float = 1.0
    fusion_bias: tuple = ZEROS
    face_trust: float = 0.5
    agreement: float = 0.0

    def __post_init__(self):
        for name, value in vars(self).items():
            numbers = np.asarray(value, np.float64)
            if numbers.shape != ((len(EMOTIONS),) if name.endswith("_bias") else ()) or not np.isfinite(numbers).all():
                raise ValueError(f"{name} is {value!r}")


def check(fusion):
    """Raise EmorecError unless ``fusion`` is one of the four."""
    if fusion not in FUSIONS:
        raise EmorecError(f"The fusion {fusion!r} does not exist; choose one of {', '.join(FUSIONS)}.")


def opinion(probabilities, scale, bias):
    """Calibrated probabilities (N, 7) of raw ones (N, 7); emotions that the raw ones cannot hold (0) stay near 0."""
    return softmax(scale * np.log(np.maximum(probabilities, 1e-6)) + np.asarray(bias, np.float64))


def late(face, voice, face_coverage, voice_coverage, calibration):
    """Weighted log-linear pool of two opinions (N, 7), each weighed by how much evidence (N,) it has.

    Where one opinion is NaN the other decides alone; where both are, the row stays NaN.
    """
    has_face, has_voice = ~np.isnan(face[:, 0]), ~np.isnan(voice[:, 0])
    face_weight = calibration.face_trust * np.where(has_face, face_coverage, 0.0)
    voice_weight = (1 - calibration.face_trust) * np.where(has_voice, voice_coverage, 0.0)
    total = face_weight + voice_weight
    share = face_weight / np.where(total > 0, total, 1.0)
    share = np.where(has_voice, share, 1.0)
    both = 1.0 - np.abs(2 * share - 1)
    sharpening = 1.0 + calibration.agreement * both
    pooled = share[:, None] * _log(face, has_face) + (1 - share)[:, None] * _log(voice, has_voice)
    probabilities = softmax(sharpening[:, None] * pooled)
    probabilities[~(has_face | has_voice)] = np.nan
    return probabilities


def mean(face, voice):
    """The plain mean of two opinions (N, 7): the baseline that late fusion must beat."""
    both = np.stack([face, voice])
    known = ~np.isnan(both[..., 0])
    total = np.where(known[..., None], both, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)


def disagreement(face, voice):
    """Jensen-Shannon divergence of two opinions (N, 7), in bits: 0 the same, 1 disjoint, NaN if one is missing."""
    middle = (face + voice) / 2

    def divergence(p):
        return (p * (np.log2(np.maximum(p, 1e-12)) - np.log2(np.maximum(middle, 1e-12)))).sum(axis=1)

    return np.clip((divergence(face) + divergence(voice)) / 2, 0.0, 1.0)


def softmax(logits):
    """Softmax over the last axis."""
    shifted = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _log(opinion, known):
    return np.log(np.maximum(np.where(known[:, None], opinion, 1.0), 1e-6))
