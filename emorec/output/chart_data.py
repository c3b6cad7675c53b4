"""The data of a chart as plain values: probabilities, valence and arousal, and evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emorec.affect import DIMENSIONS, valence_arousal
from emorec.emotions import BY_VALENCE, EMOTIONS
from emorec.inference.timeline import Timeline

Number = float | np.floating | np.ndarray  # an array without dimensions counts as a number

DIGITS = 4  # decimals of a number; more cannot be seen, and would make the data of a chart larger
MAX_COLUMNS = 400  # more would be narrower than two pixels, and slow to draw

# Bottom and top of the strips of evidence, below zero on the scale of probabilities. They are part of the same chart,
# because charts that are joined cannot take their width from a page.
STRIPS = {"face": (-0.13, -0.05), "speech": (-0.24, -0.16)}
SOUND_STRIPS = {"speech": STRIPS["face"]}  # of a recording without pictures
MARGIN = 0.02  # below the last strip

SURE, UNSURE = "sure", "unsure"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of a chart: the rows of a timeline, or means of neighbouring rows if there are too many.

    ``start`` and ``end`` (C,) are in seconds. ``probabilities`` (C, 7) sum to ``known`` (C,), the share of the column's
    time that has evidence, so that a gap between averaged rows lowers the column instead of vanishing. ``confidence``
    (C,) is the mean over the time with evidence, 0 without any. ``sure`` (C,) is true if at least half of the time with
    evidence is sure, ``own`` (C,) if in at least half of it a row has evidence of its own, not only its neighbours'.
    ``affect`` (C, 2) are the mean valence and arousal, NaN without evidence. ``face`` and ``speech``
    (C,) are coverages. ``face_says`` and ``voice_says`` (C, 7) are the mean probabilities from each modality alone, NaN
    if it has no evidence. ``pictures`` is false if the recording has none, so that nothing is drawn about faces.
    """

    start: np.ndarray
    end: np.ndarray
    probabilities: np.ndarray
    known: np.ndarray
    confidence: np.ndarray
    sure: np.ndarray
    own: np.ndarray
    affect: np.ndarray
    face: np.ndarray
    speech: np.ndarray
    face_says: np.ndarray
    voice_says: np.ndarray
    pictures: bool = True

    @property
    def strips(self) -> dict[str, tuple[float, float]]:
        """Bottom and top of each strip of evidence, by name."""
        return strips_of(self.pictures)

    @property
    def bottom(self) -> float:
        """The bottom of the chart on the scale of probabilities."""
        return bottom(self.strips)


def strips_of(pictures: bool) -> dict[str, tuple[float, float]]:
    """Bottom and top of each strip of evidence, by name, of a recording with or without pictures."""
    return STRIPS if pictures else SOUND_STRIPS


def bottom(strips: dict[str, tuple[float, float]]) -> float:
    """The bottom of a chart with these strips, on the scale of probabilities."""
    return min(low for low, _ in strips.values()) - MARGIN


def has_pictures(timeline: Timeline) -> bool:
    """Whether the recording has pictures that were analysed; true if this is not known."""
    ignored = timeline.fusion == "voice" and not timeline.face_coverage.any()
    return bool(timeline.media.get("has_video", True)) and not ignored


def columns(timeline: Timeline, max_columns: int = MAX_COLUMNS) -> Columns:
    """The rows of a timeline as at most ``max_columns`` columns, each the mean of the same number of rows, weighted by
    their length."""
    rows = len(timeline)
    first = np.arange(0, rows, max(1, -(-rows // max_columns)))
    last = np.append(first[1:], rows)[: len(first)] - 1
    lengths = timeline.end - timeline.start

    def mean(values: np.ndarray) -> np.ndarray:
        if not rows:
            return values
        weights = lengths.reshape(-1, *[1] * (values.ndim - 1))
        return np.add.reduceat(values * weights, first) / np.add.reduceat(weights, first)

    def mean_known(values: np.ndarray) -> np.ndarray:
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
        own=(known > 0) & (mean(timeline.witnessed.astype(float)) >= known / 2 - 1e-9),
        affect=valence_arousal(mean_known(timeline.probabilities)),
        face=mean(timeline.face_coverage),
        speech=mean(timeline.speech_coverage),
        face_says=mean_known(timeline.face),
        voice_says=mean_known(timeline.voice),
        pictures=has_pictures(timeline),
    )


def area_points(data: Columns) -> list[dict[str, Any]]:
    """Corners of the stacked areas, in the order of BY_VALENCE from the bottom, interrupted where there is no evidence.

    Each emotion is one area, even if it is interrupted, because a browser draws few large shapes much faster than many
    small ones. An interruption is a point without a height, in the middle of the next column.
    """
    order = [EMOTIONS.index(emotion) for emotion in BY_VALENCE]
    top = np.cumsum(data.probabilities[:, order], axis=1)
    bottoms = np.round(top - data.probabilities[:, order], DIGITS).tolist()
    tops = np.round(top, DIGITS).tolist()
    points = []
    for run, after in _interrupted(data, data.known > 0):
        # The last column is repeated at its end, because each step of the area goes on to the next point.
        for time, column in zip([*data.start[run], data.end[run[-1]]], [*run, run[-1]], strict=True):
            time = rounded(time)
            for emotion, low, high in zip(BY_VALENCE, bottoms[column], tops[column], strict=True):
                points.append({"time": time, "emotion": emotion, "low": low, "high": high})
        points += [{"time": after, "emotion": emotion, "low": None, "high": None} for emotion in BY_VALENCE]
    return points


def line_points(data: Columns) -> list[dict[str, Any]]:
    """Points of one line per emotion: the middle of every column, and both ends of every run of columns.

    A run is sure or unsure as a whole; its ``certainty`` is SURE or UNSURE.
    """
    return _line_points(data, EMOTIONS, data.probabilities, "emotion", "probability")


def affect_points(data: Columns) -> list[dict[str, Any]]:
    """Points of the lines of valence and of arousal, at the same times as those of ``line_points``.

    ``line`` is the name of the line: the dimension, followed by ", unsure" for unsure columns.
    """
    points = _line_points(data, DIMENSIONS, data.affect, "dimension", "value")
    return [point | {"line": line_name(point["dimension"], point["certainty"])} for point in points]


def line_name(dimension: str, certainty: str) -> str:
    """The name of a line of valence or arousal."""
    return dimension if certainty == SURE else f"{dimension}, {certainty}"


def evidence_boxes(data: Columns) -> list[dict[str, Any]]:
    """Rectangles of the coverage by a face and by speech; equal neighbours are one, so that no seams are visible."""
    boxes = []
    for name, (low, high) in data.strips.items():
        coverage = np.round(getattr(data, name), 1)
        for run in runs(coverage):
            if coverage[run[0]] > 0:
                place = box(data.start[run[0]], data.end[run[-1]], low, high)
                boxes.append(place | {"coverage": rounded(coverage[run[0]])})
    return boxes


def box(start: Number, end: Number, low: float, high: float) -> dict[str, Any]:
    """A rectangle from ``start`` to ``end`` (s), on the scale of probabilities from ``low`` to ``high``."""
    return {"start": rounded(start), "end": rounded(end), "low": low, "high": high}


def signed(value: Number) -> str:
    """A value from -1 to 1 with its sign and two decimals: "+0.20", "−0.31"."""
    return f"{round(float(value), 2) + 0.0:+.2f}".replace("-", "−")


def to_affect_scale(boxes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rectangles moved from the scale of probabilities (0 to 1) to that of valence and arousal (-1 to 1)."""
    return [each | {end: rounded(on_affect_scale(each[end])) for end in ("low", "high")} for each in boxes]


def on_affect_scale(value: float) -> float:
    """A value on the scale of probabilities (0 to 1), moved to the scale of valence and arousal (-1 to 1)."""
    return 2 * value - 1


def clock(seconds: float) -> str:
    """A time (s) as m:ss, from an hour on as h:mm:ss; with tenths unless it is whole."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    text = f"{tenths // 10:02d}" + (f".{tenths % 10}" if tenths % 10 else "")
    return f"{minutes // 60}:{minutes % 60:02d}:{text}" if minutes >= 60 else f"{minutes}:{text}"


def rounded(value: Number) -> float:
    """A number with DIGITS decimals."""
    return round(float(value), DIGITS)


def _interrupted(data: Columns, state: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """Runs of columns of the same state (C,), without those of state 0: (indices, time (s) of the gap after them)."""
    ends = np.append(data.end, data.end[-1:])
    for run in runs(state):
        if state[run[0]]:
            yield run, rounded(ends[run[-1] : run[-1] + 2].mean())


def _line_points(data: Columns, names: Sequence[str], values: np.ndarray, key: str, field: str) -> list[dict[str, Any]]:
    """Points of a line for each of ``names``, whose values (C, len(names)) get the name ``field``."""
    points = []
    for run, after in _interrupted(data, np.where(data.known > 0, 1 + data.sure, 0)):
        certainty = SURE if data.sure[run[0]] else UNSURE
        middles = (data.start[run] + data.end[run]) / 2
        times = [data.start[run[0]], *middles, data.end[run[-1]]]
        for time, column in zip(times, [run[0], *run, run[-1]], strict=True):
            for name, value in zip(names, values[column], strict=True):
                points.append({"time": rounded(time), key: name, "certainty": certainty, field: rounded(value)})
        points += [{"time": after, key: name, "certainty": certainty, field: None} for name in names]
    return points


def runs(values: np.ndarray) -> list[np.ndarray]:
    """The indices of values (N,), split into runs of equal values; none is empty."""
    return np.split(np.arange(len(values)), np.flatnonzero(np.diff(values)) + 1) if len(values) else []
