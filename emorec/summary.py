"""A Timeline in a few numbers."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Summary:
    """All of them shares of time or probabilities, 0 to 1.

    ``shares``: of the time with evidence, by dominant emotion, largest first; empty where there is none. ``known``:
    time with evidence; ``face`` and ``speech``: time with a face seen and with speech heard; ``confidence``: mean
    probability of the dominant emotion, None where nothing is known.
    """

    shares: dict
    known: float
    face: float
    speech: float
    confidence: float | None


def summary(timeline):
    """The Summary of a Timeline; rows count by their length."""
    shares, known = timeline.shares()
    if not len(timeline):
        return Summary({}, 0.0, 0.0, 0.0, None)
    lengths = timeline.end - timeline.start
    return Summary(
        shares=shares,
        known=known,
        face=float(np.average(timeline.face_coverage, weights=lengths)),
        speech=float(np.average(timeline.speech_coverage, weights=lengths)),
        confidence=float(np.average(timeline.confidence[timeline.known], weights=lengths[timeline.known]))
        if known
        else None,
    )
