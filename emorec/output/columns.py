"""The columns of a timeline as arrays: those of the CSV, then those of each modality alone."""

from __future__ import annotations

import numpy as np

from emorec.affect import DIMENSIONS, valence_arousal
from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline
from emorec.output.text import plain


def columns(timeline: Timeline) -> dict[str, np.ndarray]:
    """Every column (N,) by name, with one row per step, and per person if there are several, in order of time.

    Unknown numbers are NaN, an unknown ``person`` is -1, an unknown ``dominant`` or ``name`` is None.
    """
    parts = [_columns_of(one) for one in timeline.each]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(whole["start"], kind="stable")
    return {name: values[order] for name, values in whole.items()}


def _columns_of(timeline: Timeline) -> dict[str, np.ndarray]:
    return {
        "start": timeline.start,
        "end": timeline.end,
        "person": np.asarray(timeline.person, np.int64),
        **_probabilities("", timeline.probabilities),
        "dominant": np.array([name or None for name in timeline.dominant], object),
        "confidence": np.where(timeline.known, timeline.confidence, np.nan),
        "face_coverage": timeline.face_coverage,
        "speech_coverage": timeline.speech_coverage,
        "sure": timeline.sure,
        "evidence": timeline.evidence,
        "row_face": timeline.row_face,
        "row_speech": timeline.row_speech,
        **_affect("", timeline.probabilities),
        "disagreement": timeline.disagreement,
        **_probabilities("face_", timeline.face),
        **_probabilities("voice_", timeline.voice),
        **_affect("face_", timeline.face),
        **_affect("voice_", timeline.voice),
        "name": np.array([plain(name) or None for name in timeline.row_names], object),
    }


def _probabilities(prefix: str, values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{prefix}{emotion}": values[:, index] for index, emotion in enumerate(EMOTIONS)}


def _affect(prefix: str, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    return {
        f"{prefix}{name}": values for name, values in zip(DIMENSIONS, valence_arousal(probabilities).T, strict=True)
    }
