"""Where faces are at any time, also between the sampled pictures in which they were found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

MAX_MISSED = 1  # sampled pictures in a row without the face during which its box is still drawn
EXTRA = 0.4  # seconds, at least, for which a face is hidden before its first and after its last sampled picture
LATER = 1e-3  # seconds; pictures that are nearer to each other count as one
LONGEST = 2.5  # seconds between two faces of a person in one track, in features that store no tracks

# How far a hidden region reaches beyond the box of a face, as shares of its width and height, to cover ears, hair,
# chin.
SIDE, ABOVE, BELOW = 0.3, 0.45, 0.3
MISSED = 0.3  # share that is added on every side while the face was not found, because it may have moved

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Span:
    """A time from ``begin`` to ``end`` (s) in which a face moves from row ``first`` to row ``last`` of the arrays.

    If both are the same row, it stays. ``since`` (s): a cut after this time is within the span. ``missed``: sampled
    pictures within the span do not have the face. ``early``: the span is before the face was found.
    """

    begin: float
    end: float
    first: int
    last: int
    since: float
    missed: bool = False
    early: bool = False


class Boxes:
    """The faces of a recording at any time; ``shown`` must be called in the order of time, and so must ``hidden``.

    ``arrays`` are those of ``Features``. Boxes are (left, top, width, height) as fractions of the picture.
    """

    def __init__(self, arrays: Arrays):
        self._times = np.asarray(arrays["face_time"], np.float64)
        self._boxes = np.asarray(arrays["face_box"], np.float64)
        self._persons = np.asarray(arrays["face_person"])
        self._samples = np.asarray(arrays["frame_time"], np.float64)
        tracks = _tracks(arrays)
        self._shown = _Active(span for rows in tracks for span in self._drawn(rows))
        self._hidden = _Active(span for rows in tracks for span in self._covered(rows))

    def shown(self, time: float, cut: float = -np.inf) -> list[tuple[int, np.ndarray]]:
        """The person and the box of every face at ``time`` (s), after a last cut at ``cut`` (s).

        A box is not drawn on the other side of the cut.
        """
        faces = []
        for span in self._shown.at(time):
            if span.early:
                box = self._boxes[span.last] if cut > span.since or span.since == -np.inf else None
            elif cut > span.since:
                box = self._boxes[span.last] if span.last != span.first else None
            else:
                box = self._between(span, time)
            if box is not None:
                faces.append((int(self._persons[span.last]), box))
        return faces

    def hidden(self, time: float) -> list[np.ndarray]:
        """The region (4,) of every face at ``time`` (s) with hair, ears and chin, also while the face was not found."""
        return [_enlarged(self._between(span, time), MISSED * span.missed) for span in self._hidden.at(time)]

    def _between(self, span: _Span, time: float) -> np.ndarray:
        """The box (4,) at a time within a span."""
        if span.first == span.last:
            return self._boxes[span.first]
        begin, end = self._times[span.first], self._times[span.last]
        share = (time - begin) / (end - begin)
        return (1 - share) * self._boxes[span.first] + share * self._boxes[span.last]

    def _drawn(self, rows: np.ndarray) -> Iterator[_Span]:
        """The spans in which the box of a track is drawn."""
        for row, following in _pairs(rows):
            time, sample = float(self._times[row]), self._sample(row)
            before = self._sampled_at(sample - 1)
            if row == rows[0] or sample - self._sample(self._previous(rows, row)) > MAX_MISSED + 1:
                yield _Span(before, time, row, row, before, early=True)
            if following is not None and self._sample(following) - sample <= MAX_MISSED + 1:
                yield _Span(time, float(self._times[following]), row, following, time)
            else:
                yield _Span(time, self._sampled_at(sample + 1), row, row, time)

    def _covered(self, rows: np.ndarray) -> Iterator[_Span]:
        """The spans in which the face of a track is hidden."""
        time, before = float(self._times[rows[0]]), self._sampled_at(self._sample(rows[0]) - 1)
        yield _Span(min(before + LATER, time - EXTRA), time, int(rows[0]), int(rows[0]), time)
        for row, following in _pairs(rows):
            time, sample = float(self._times[row]), self._sample(row)
            if following is not None:
                missed = self._sample(following) - sample > 1
                yield _Span(time, float(self._times[following]), row, following, time, missed)
            else:
                after = self._sampled_at(sample + 1)
                yield _Span(time, max(after - LATER, time + EXTRA), row, row, time)

    def _sample(self, row: int) -> int:
        """The number of the sampled picture of a face."""
        return int(np.searchsorted(self._samples, self._times[row], side="right")) - 1

    def _sampled_at(self, sample: int) -> float:
        """The time of a sampled picture (s); infinite before the first and after the last one."""
        if sample < 0:
            return -np.inf
        return float(self._samples[sample]) if sample < len(self._samples) else np.inf

    @staticmethod
    def _previous(rows: np.ndarray, row: int) -> int:
        return int(rows[np.searchsorted(rows, row) - 1])


class _Active:
    """Spans, of which those at a time can be asked for in the order of time."""

    def __init__(self, spans: Iterator[_Span]):
        self._waiting = sorted(spans, key=lambda span: span.begin, reverse=True)
        self._active: list[_Span] = []

    def at(self, time: float) -> list[_Span]:
        """The spans that contain a time, which must not be less than that of the last call."""
        while self._waiting and self._waiting[-1].begin <= time:
            self._active.append(self._waiting.pop())
        self._active = [span for span in self._active if time < span.end]
        return self._active


def _tracks(arrays: Arrays) -> list[np.ndarray]:
    """The rows of each track, in order of time."""
    numbers = np.asarray(arrays.get("face_track", arrays["face_person"]))
    tracks = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
    if "face_track" in arrays:
        return tracks
    times = np.asarray(arrays["face_time"])
    return [part for rows in tracks for part in np.split(rows, np.flatnonzero(np.diff(times[rows]) > LONGEST) + 1)]


def _pairs(rows: np.ndarray) -> Iterator[tuple[int, int | None]]:
    """Each row with the next one of its track, None after the last."""
    listed = [int(row) for row in rows]
    yield from zip(listed, [*listed[1:], None], strict=True)


def _enlarged(box: np.ndarray, more: float) -> np.ndarray:
    """A box (4,) with hair, ears and chin, and ``more`` (a share of its size) on every side."""
    left, top, width, height = box
    side, above, below = (share + more for share in (SIDE, ABOVE, BELOW))
    return np.array([left - side * width, top - above * height, (1 + 2 * side) * width, (1 + above + below) * height])
