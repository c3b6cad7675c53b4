"""The tooltip of every column of a chart, as a rectangle that is as high as the chart."""

from __future__ import annotations

from typing import Any

import numpy as np

from emorec.emotions import EMOJI, EMOTIONS
from emorec.output.chart_data import Columns, box, clock, signed
from emorec.output.text import percent

# Rows of the tooltip of a column.
TOOLTIP: tuple[str, ...] = (
    "Time",
    "Emotion",
    "Probabilities",
    "Face says",
    "Voice says",
    "Face seen",
    "Speech counted",
    "Valence and arousal",
)
ABOUT_FACES = ("Face says", "Face seen")  # rows that a recording without pictures does not have
TOP_EMOTIONS = 3  # named in a tooltip; the others have small probabilities
MIN_PROBABILITY = 0.005  # smaller ones would be shown as 0%


def tooltip_of(pictures: bool) -> tuple[str, ...]:
    """The rows of the tooltip of a column, of a recording with or without pictures."""
    return tuple(name for name in TOOLTIP if pictures or name not in ABOUT_FACES)


def column_boxes(data: Columns) -> list[dict[str, Any]]:
    """A rectangle over the whole height of every column, with its TOOLTIP."""
    boxes = []
    for column, known in enumerate(data.known > 0):
        probabilities = data.probabilities[column] / data.known[column] if known else np.full(len(EMOTIONS), np.nan)
        emotion = EMOTIONS[data.probabilities[column].argmax()]
        texts = (
            f"{clock(data.start[column])} – {clock(data.end[column])}",
            _emotion_in_words(emotion, data.confidence[column], data.sure[column]) if known else "no evidence",
            in_words(probabilities),
            in_words(data.face_says[column]),
            in_words(data.voice_says[column]),
            f"{data.face[column]:.0%}",
            f"{data.speech[column]:.0%}",
            ", ".join(map(signed, data.affect[column])) if known else "–",
        )
        place = box(data.start[column], data.end[column], data.bottom, 1)
        shown: dict[str, str] = dict(zip(TOOLTIP, texts, strict=True))
        boxes.append(place | {name: shown[name] for name in tooltip_of(data.pictures)})
    return boxes


def _emotion_in_words(emotion: str, confidence: float, sure: bool) -> str:
    text = f"{EMOJI[emotion]} {emotion} {percent(confidence, sure)}"
    return text if sure else f"unsure ({text})"


def in_words(probabilities: np.ndarray) -> str:
    """The most likely emotions of probabilities (7,): "happy 83%, neutral 12%"; a dash if they are NaN."""
    if np.isnan(probabilities[0]):
        return "–"
    likeliest = np.argsort(-probabilities, kind="stable")[:TOP_EMOTIONS]
    return ", ".join(
        f"{EMOTIONS[index]} {probabilities[index]:.0%}"
        for index in likeliest
        if probabilities[index] >= MIN_PROBABILITY
    )
