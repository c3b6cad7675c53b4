"""Windows for the tests of fusion and calibration, with a face and speech all the time."""

import numpy as np

from train.recipes.samples import Samples


def samples(face, voice, truth, fold=None):
    """Windows of 3 s with the probabilities (N, 7) of face and voice; ``fold`` (N,) is by default the truth."""
    nothing, full = np.zeros((len(truth), 0)), np.ones(len(truth))
    return Samples(
        face_features=nothing,
        face_probabilities=face,
        face_coverage=full,
        voice_features=nothing,
        voice_probabilities=voice,
        voice_coverage=full,
        seconds=3 * full,
        truth=truth,
        fold=truth if fold is None else fold,
    )
