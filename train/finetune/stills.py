"""The two calibrations of a face network that was trained on still pictures: for such, and for faces in recordings.

Pictures often show strong expressions, and validation pictures also choose the weights, so a scale that fits them makes
the network too sure of faces in recordings. No recording is measured, so the scale is limited by that of the weights
which the training started from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.models.calibration import Calibration, HeadCalibration

DERIVED = (
    "The calibration was fitted to still pictures. That of faces in recordings was not measured: it is set so that "
    "with it the network is on average no surer of these pictures than the model that the run began with."
)
NOT_DERIVED = (
    "The calibration was fitted to still pictures. That of faces in recordings was not measured, and cannot be set by "
    "the model that the run began with, which tells no two of these emotions apart; its scale is at most the one of "
    "that model."
)
LEAST_SPREAD = 1e-6  # of a network that tells emotions apart at all


def are_pictures(clips: Sequence[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether most clips (crops and their quality) are of one face, so that the items are pictures and not videos."""
    return 2 * sum(len(crops) == 1 for crops, _ in clips) > len(clips)


def calibrations(
    fitted: HeadCalibration,
    probabilities: np.ndarray,
    labels: Sequence[str],
    before: tuple[np.ndarray, Calibration],
    few: bool,
) -> tuple[dict[str, HeadCalibration], str]:
    """The calibrations ``still`` and ``face`` of a network, given what was ``fitted`` to validation pictures.

    A sentence about where they come from follows them.

    ``probabilities`` (N, 7) are the network's for these pictures, ``labels`` those that it knows. ``before`` has the
    probabilities (N, 7) of the model that the run began with, and its calibration. ``few`` says that the pictures are
    too few for a scale that makes the network surer than that model.
    """
    named = {emotion_of(label) for label in labels}
    theirs, calibration = before
    # The emotions of both: the floor of one that a network has no label for would count as certainty.
    known = [number for number, each in enumerate(EMOTIONS) if each in named and (theirs[:, number] > 0).any()]
    measured = len(known) > 1 and _spread(calibration.face, theirs, known) > LEAST_SPREAD

    def at_most(head: HeadCalibration, reference: HeadCalibration) -> HeadCalibration:
        ours, limit = head.scale, reference.scale
        if measured:
            ours, limit = _spread(head, probabilities, known), _spread(reference, theirs, known)
        return _soften(head, limit / ours) if ours > limit > 0 else head

    still = at_most(fitted, calibration.still) if few else fitted
    return {"still": still, "face": at_most(still, calibration.face)}, DERIVED if measured else NOT_DERIVED


def _spread(head: HeadCalibration, probabilities: np.ndarray, known: Sequence[int]) -> float:
    """How sure a network is: the mean standard deviation of its log likelihoods of some emotions."""
    return float(head.log_likelihood(probabilities)[:, known].std(axis=1).mean()) if len(probabilities) else 0.0


def _soften(head: HeadCalibration, factor: float) -> HeadCalibration:
    """The head whose log likelihoods are those of ``head`` times a factor."""
    bias = tuple(round(value * factor, 4) for value in head.bias)
    return replace(head, scale=round(head.scale * factor, 4), bias=bias)
