"""The rows of a timeline as plain values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from emorec.affect import DIMENSIONS, valence_arousal
from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline
from emorec.output.text import plain

DIGITS = 6


def number(value: float | None) -> float | None:
    """A value with DIGITS decimals at most; None if it is NaN."""
    return None if value is None or math.isnan(value) else round(float(value), DIGITS)


def person_of(timeline: Timeline) -> int | None:
    """The number of the person whom a whole timeline is about; None if there is no such person."""
    if not timeline.name:
        return None
    shown = timeline.person[timeline.person >= 0]
    if len(shown):
        return int(shown[0])
    # A person who is only heard is in no row.
    return next((number for number, name in timeline.names.items() if name == timeline.name), None)


def rows(timeline: Timeline, max_rows: int | None = None) -> Iterator[dict[str, Any]]:
    """An iterator over the rows of a timeline as dicts, at most ``max_rows``; None is unknown."""
    columns = zip(
        timeline.start,
        timeline.end,
        timeline.person,
        timeline.dominant,
        timeline.confidence,
        timeline.probabilities,
        timeline.face,
        timeline.voice,
        timeline.face_coverage,
        timeline.speech_coverage,
        timeline.disagreement,
        timeline.sure,
        timeline.evidence,
        timeline.row_face,
        timeline.row_speech,
        valence_arousal(timeline.probabilities),
        valence_arousal(timeline.face),
        valence_arousal(timeline.voice),
        timeline.row_names,
        strict=True,
    )
    return (
        {
            "start": number(start),
            "end": number(end),
            "person": int(person) if person >= 0 else None,
            "probabilities": _named(probabilities),
            "dominant": dominant or None,
            "confidence": number(confidence),
            "face_coverage": number(face_coverage),
            "speech_coverage": number(speech_coverage),
            "face": _named(face),
            "voice": _named(voice),
            "disagreement": number(disagreement),
            "sure": bool(sure),
            "evidence": number(evidence),
            "row_face": number(row_face),
            "row_speech": number(row_speech),
            **_affect("", affect),
            **_affect("face_", face_affect),
            **_affect("voice_", voice_affect),
            "name": plain(name) or None,
        }
        for (
            start,
            end,
            person,
            dominant,
            confidence,
            probabilities,
            face,
            voice,
            face_coverage,
            speech_coverage,
            disagreement,
            sure,
            evidence,
            row_face,
            row_speech,
            affect,
            face_affect,
            voice_affect,
            name,
        ) in itertools.islice(columns, max_rows)  # fmt: skip
    )


def rows_of_all(timeline: Timeline, max_rows: int | None = None) -> Iterator[dict[str, Any]]:
    """The rows of every person, step by step; at most ``max_rows``.

    They are made one by one, because all rows of a day with many persons would take gigabytes.
    """
    each = [rows(one) for one in timeline.each]
    return itertools.islice((row for step in zip(*each, strict=True) for row in step), max_rows)


def _named(probabilities: np.ndarray) -> dict[str, float | None] | None:
    if math.isnan(probabilities[0]):
        return None
    return {emotion: number(value) for emotion, value in zip(EMOTIONS, probabilities, strict=True)}


def _affect(prefix: str, values: np.ndarray) -> dict[str, float | None]:
    return {f"{prefix}{name}": number(value) for name, value in zip(DIMENSIONS, values, strict=True)}
