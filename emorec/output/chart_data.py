"""What a chart of a timeline shows, as plain rows: probabilities, evidence, and what is told of every place."""

from dataclasses import dataclass

import numpy as np

from emorec.emotions import EMOJI, EMOTIONS

MAX_COLUMNS = 400  # more would be hardly wider than a pixel, and slow in a browser
PALE = 0.4  # opacity of columns that are unsure

# The strips of evidence hang below zero on the scale of probabilities: charts that are joined cannot take their
# width from a page, so all is one chart. Bottom and top of each:
STRIPS = {"face": (-0.13, -0.05), "speech": (-0.24, -0.16)}
BOTTOM = -0.26

# Told of a column that the pointer rests on.
TOLD = ("Time", "Emotion", "Probabilities", "Face says", "Voice says", "Face seen", "Speech heard")
TOLD_EMOTIONS = 3  # of the seven, the likeliest; the rest is little and would hide them
LEAST_TOLD = 0.005  # probability that is not just 0% in words


@dataclass(frozen=True)
class Columns:
    """What is drawn: rows of a timeline, joined where there are too many.

    ``probabilities`` (C, 7) add up to ``known``, the share of the column's time that has evidence, so gaps between
    joined rows lower a column instead of vanishing. ``confidence`` (C,) is the mean where there is evidence, 0 if there
    is none; ``sure`` (C,) tells that at least half of the time with evidence is. ``face_says`` and ``voice_says``
    (C, 7) are the mean opinions of each modality where it has one, NaN where it has none.
    """

    start: np.ndarray
    end: np.ndarray
    probabilities: np.ndarray
    known: np.ndarray
    confidence: np.ndarray
    sure: np.ndarray
    face: np.ndarray
    speech: np.ndarray
    face_says: np.ndarray
    voice_says: np.ndarray


def columns(timeline, most=MAX_COLUMNS):
    """The rows of a timeline as at most ``most`` Columns, means of as many rows each, weighted by their length."""
    rows = len(timeline)
    first = np.arange(0, rows, max(1, -(-rows // most)))
    last = np.append(first[1:], rows)[: len(first)] - 1
    lengths = timeline.end - timeline.start

    def mean(values):
        if not rows:
            return values
        weights = lengths.reshape(-1, *[1] * (values.ndim - 1))
        return np.add.reduceat(values * weights, first) / np.add.reduceat(weights, first)

    def opinion(values):
        has = mean((~np.isnan(values[:, :1])).astype(float))
        nothing = np.full((len(has), values.shape[1]), np.nan)
        return np.divide(mean(np.nan_to_num(values)), has, out=nothing, where=has > 0)

    known = mean(timeline.known.astype(float))
    confidence = mean(np.nan_to_num(timeline.confidence))
    return Columns(
        start=timeline.start[first],
        end=timeline.end[last],
        probabilities=mean(np.nan_to_num(timeline.probabilities)),
        known=known,
        confidence=np.divide(confidence, known, out=np.zeros_like(known), where=known > 0),
        sure=(known > 0) & (mean(timeline.sure.astype(float)) >= known / 2 - 1e-9),
        face=mean(timeline.face_coverage),
        speech=mean(timeline.speech_coverage),
        face_says=opinion(timeline.face),
        voice_says=opinion(timeline.voice),
    )


def area_points(drawn):
    """Corners of the stacked emotions, in areas that break off wherever evidence or confidence does.

    There is one area for each emotion and opacity, however often it breaks off: a browser draws few large shapes much
    faster than many small ones. A point without a height, in the middle of the column that follows, is the break.
    """
    high = np.cumsum(drawn.probabilities, axis=1)
    low = high - drawn.probabilities
    points = []
    for run, opacity, after in _confidence_runs(drawn):
        # The last column is told twice, so that its step reaches its end.
        for time, column in zip([*drawn.start[run], drawn.end[run[-1]]], [*run, run[-1]], strict=True):
            for index, emotion in enumerate(EMOTIONS):
                place = {"low": rounded(low[column, index]), "high": rounded(high[column, index])}
                points.append({"time": rounded(time), "emotion": emotion, "opacity": opacity} | place)
        points += [after | {"emotion": emotion, "low": None, "high": None} for emotion in EMOTIONS]
    return points


def line_points(drawn):
    """Points of one line an emotion: the middle of every column, and both ends of every run of columns."""
    points = []
    for run, opacity, after in _confidence_runs(drawn):
        middles = (drawn.start[run] + drawn.end[run]) / 2
        times = [drawn.start[run[0]], *middles, drawn.end[run[-1]]]
        for time, column in zip(times, [run[0], *run, run[-1]], strict=True):
            for index, emotion in enumerate(EMOTIONS):
                value = rounded(drawn.probabilities[column, index])
                points.append({"time": rounded(time), "emotion": emotion, "opacity": opacity, "probability": value})
        points += [after | {"emotion": emotion, "probability": None} for emotion in EMOTIONS]
    return points


def evidence_boxes(drawn):
    """Face seen and speech heard, stronger where there was more. Like neighbours are one box, so no seams show."""
    boxes = []
    for name, (low, high) in STRIPS.items():
        coverage = np.round(getattr(drawn, name), 1)
        for run in _runs(coverage):
            if coverage[run[0]] > 0:
                place = box(drawn.start[run[0]], drawn.end[run[-1]], low, high)
                boxes.append(place | {"coverage": rounded(coverage[run[0]])})
    return boxes


def column_boxes(drawn):
    """The whole height of every column, with what is TOLD of it."""
    boxes = []
    for column, known in enumerate(drawn.known > 0):
        probabilities = drawn.probabilities[column] / drawn.known[column] if known else np.full(len(EMOTIONS), np.nan)
        emotion = EMOTIONS[drawn.probabilities[column].argmax()]
        told = (
            f"{clock(drawn.start[column])} – {clock(drawn.end[column])}",
            _answer(emotion, drawn.confidence[column], drawn.sure[column]) if known else "no evidence",
            in_words(probabilities),
            in_words(drawn.face_says[column]),
            in_words(drawn.voice_says[column]),
            f"{drawn.face[column]:.0%}",
            f"{drawn.speech[column]:.0%}",
        )
        place = box(drawn.start[column], drawn.end[column], BOTTOM, 1)
        boxes.append(place | dict(zip(TOLD, told, strict=True)))
    return boxes


def _answer(emotion, confidence, sure):
    likeliest = f"{EMOJI[emotion]} {emotion} {confidence:.0%}"
    return likeliest if sure else f"unsure ({likeliest})"


def in_words(probabilities, most=TOLD_EMOTIONS):
    """The likeliest emotions of probabilities (7,), "happy 83%, neutral 12%"; a dash where they are NaN."""
    if np.isnan(probabilities[0]):
        return "–"
    likeliest = np.argsort(-probabilities, kind="stable")[:most]
    return ", ".join(
        f"{EMOTIONS[index]} {probabilities[index]:.0%}" for index in likeliest if probabilities[index] >= LEAST_TOLD
    )


def box(start, end, low, high):
    """A rectangle from ``start`` to ``end`` (s), on the scale of probabilities from ``low`` to ``high``."""
    return {"start": rounded(start), "end": rounded(end), "low": low, "high": high}


def clock(seconds):
    """A time as m:ss, from an hour on as h:mm:ss; with tenths unless it is whole."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    text = f"{tenths // 10:02d}" + (f".{tenths % 10}" if tenths % 10 else "")
    return f"{minutes // 60}:{minutes % 60:02d}:{text}" if minutes >= 60 else f"{minutes}:{text}"


def rounded(value):
    """A number short enough for a chart's data."""
    return round(float(value), 4)


def _confidence_runs(drawn):
    """Runs of neighbouring columns with evidence, all sure or all unsure: (indices, opacity, break after)."""
    ends = np.append(drawn.end, drawn.end[-1:])
    for run in _runs(np.where(drawn.known > 0, 1 + drawn.sure, 0)):
        if drawn.known[run[0]] > 0:
            opacity = 1.0 if drawn.sure[run[0]] else PALE
            yield run, opacity, {"time": rounded(ends[run[-1] : run[-1] + 2].mean()), "opacity": opacity}


def _runs(values):
    """Indices of values (N,), split wherever a value differs from the one before; no empty ones."""
    return np.split(np.arange(len(values)), np.flatnonzero(np.diff(values)) + 1) if len(values) else []
