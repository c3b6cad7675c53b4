"""Markers of a user, and the mean timeline around them (the event-locked average)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from os import PathLike
from typing import Any, TypeVar

import numpy as np

from emorec import annotation
from emorec.affect import DIMENSIONS, valence_arousal
from emorec.annotation import Marker
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.timeline import Timeline
from emorec.output import tables

MEASURES = (*EMOTIONS, *DIMENSIONS)
COLUMNS = ("label", "lag", "measure", "mean", "low", "high", "change", "change_low", "change_high", "markers")
BEFORE, AFTER = 5.0, 10.0  # seconds around a marker
LONGEST = 600.0  # seconds before or after a marker, at most
RESAMPLES = 1000
MAX_DRAWN = 10_000_000  # numbers in memory at a time, so that a million markers of one label need no 10 GB
MOST_SHOWN = 60  # characters of a wrong argument, or of a label, that an error repeats
SEED = 0  # so that the same files give the same interval
MASS = (2.5, 97.5)  # percentiles of the 95 % interval
DIGITS = 6

MarkersLike = str | PathLike[str] | Iterable[Marker] | Iterable[tuple[float, str]]
AnyTimeline = TypeVar("AnyTimeline", bound=Timeline)

NO_PAIRS = 'Markers are a file, or pairs of a time in seconds and a label, such as [(3.5, "joke")], not {given}.'
OUTSIDE = "The marker {label!r} at {time:g} s is outside {place}{more}."
WHOLE = "the recording, which is {duration:.1f} s long"
PART = "the part from {start:g} to {end:g} s"
LEFT_OUT = "{count} of {all} markers {was} left out: outside of {start:g} to {end:g} s."
NO_MARKERS = "There are no markers; give a file with the columns time and label, or some of SRT, ELAN or Audacity."
WRONG_WINDOW = "The time around markers is {before:g} s before and {after:g} s after; choose 0 to {longest:g} s each."
NO_WINDOW = "The time before and after markers is a number of seconds each, not {given!r}."
TOO_SHORT = "The time around markers ({span:g} s) is shorter than a row ({step:g} s); choose a longer one."


@dataclass(frozen=True)
class Around:
    """The mean timeline around all markers with the same ``label``.

    ``lag`` (L,) are the middles of steps (s), from before the marker (negative) to after it. ``mean``, ``low`` and
    ``high`` (L, 9) are the mean of the probabilities of the seven emotions, of valence and of arousal over the markers,
    and its 95 % interval (NaN with a single marker). ``change``, ``change_low`` and ``change_high`` are the same after
    the mean before each marker was subtracted, NaN if there is no row before it. ``count`` (L,) are the markers that
    have evidence there, ``markers`` how many there are.
    """

    label: str
    markers: int
    lag: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)
    low: np.ndarray = field(repr=False)
    high: np.ndarray = field(repr=False)
    change: np.ndarray = field(repr=False)
    change_low: np.ndarray = field(repr=False)
    change_high: np.ndarray = field(repr=False)
    count: np.ndarray = field(repr=False)


def parse_markers(given: MarkersLike) -> tuple[Marker, ...]:
    """Markers from a file, or from pairs of a time (s) and a label, in order of time. Raises EmorecError."""
    if isinstance(given, str | PathLike):
        return annotation.read_markers(given)
    try:
        given_items = iter(given)
    except TypeError:
        raise _no_pairs(given) from None
    pairs = [*given_items]  # outside of the ``try``, so that errors of the caller's generator are not changed
    try:
        made = [each if isinstance(each, Marker) else _of_pair(each) for each in pairs]
    except (TypeError, ValueError, LookupError, OverflowError):
        raise _no_pairs(given) from None
    return tuple(sorted(made, key=lambda marker: marker.time))


def _of_pair(given: Any) -> Marker:
    """The marker of a pair. Raises TypeError or ValueError for a text, and for a row with more than two values."""
    if isinstance(given, str | bytes):
        raise TypeError
    time, label = given
    if hasattr(label, "__len__") and not isinstance(label, str):  # such as a row of a data frame after its index
        raise TypeError
    return Marker(float(time), str(label))


def _no_pairs(given: object) -> EmorecError:
    return EmorecError(NO_PAIRS.format(given=" ".join(repr(given).split())[:MOST_SHOWN]))


def with_markers(timeline: AnyTimeline, given: MarkersLike, shared: bool = False) -> AnyTimeline:
    """The timeline with markers. Markers outside of the part that was analysed are left out, with a note.

    ``shared`` markers are for several recordings, so all of them may be outside of this one. Raises EmorecError if
    markers that are not shared are all outside.
    """
    markers, begin = parse_markers(given), timeline.choices.get("start") or 0.0
    inside = tuple(marker for marker in markers if begin <= marker.time <= timeline.duration)
    if len(inside) == len(markers):
        return replace(timeline, markers=markers)
    if not shared:
        check_within(markers, begin, timeline.duration)
    count, end = len(markers) - len(inside), round(timeline.duration, 1)
    was = "was" if count == 1 else "were"
    left_out = LEFT_OUT.format(count=count, all=len(markers), was=was, start=begin, end=end)
    return replace(timeline, markers=inside, notes=(*timeline.notes, left_out))


def is_part(settings: Mapping[str, Any]) -> bool:
    """Whether only a part of a recording was analysed; ``settings`` are those of its extraction."""
    return bool(settings.get("start")) or settings.get("end") is not None


def check_within(markers: Sequence[Marker], begin: float, duration: float, slack: float = 0.0) -> None:
    """Raise EmorecError if every marker is outside of ``begin`` to ``duration + slack`` (s)."""
    outside = [marker for marker in markers if not begin <= marker.time <= duration + slack]
    if outside and len(outside) == len(markers):
        more = f", and {len(outside) - 1} more are" if len(outside) > 1 else ""
        place = PART.format(start=begin, end=round(duration, 1)) if begin else WHOLE.format(duration=duration)
        label = outside[0].label[:MOST_SHOWN]
        raise EmorecError(OUTSIDE.format(label=label, time=outside[0].time, place=place, more=more))


def check_window(before: float, after: float) -> None:
    """Raise EmorecError unless ``before`` and ``after`` (s) are valid lengths of time around a marker."""
    for value in (before, after):
        if isinstance(value, bool) or not isinstance(value, Real):
            raise EmorecError(NO_WINDOW.format(given=value))
    if not (0 <= before <= LONGEST and 0 <= after <= LONGEST and before + after > 0):
        raise EmorecError(WRONG_WINDOW.format(before=before, after=after, longest=LONGEST))


def average_around(timeline: Timeline, before: float = BEFORE, after: float = AFTER) -> list[Around]:
    """The mean timeline from ``before`` to ``after`` (s) around the markers of each label, in order of first use.

    Rows without evidence do not count. The mean before a marker is that of rows whose window ends before the marker,
    wherever it is in its row; if there are no such rows, that of all rows before it. Raises EmorecError if there are no
    markers, or if the time around them is too long or shorter than a row.
    """
    check_window(before, after)
    if not timeline.markers:
        raise EmorecError(NO_MARKERS)
    step = timeline.step
    first, last = -int(round(before / step)), int(round(after / step))
    if last <= first:
        raise EmorecError(TOO_SHORT.format(span=before + after, step=step))
    lag = (np.arange(first, last) + 0.5) * step
    earlier = lag + (step + timeline.window) / 2 <= 1e-9  # the middle of a row is up to half a step after the lag
    baseline = earlier if earlier.any() else lag < 0
    by_label: dict[str, list[float]] = {}
    for marker in timeline.markers:
        by_label.setdefault(marker.label, []).append(marker.time)
    averages = []
    for label, times in by_label.items():
        values = _values(timeline, np.array(times)[:, None] + lag)
        usual = _mean(values[:, baseline].swapaxes(0, 1))[:, None]
        both = [(_mean(each), *_interval(each)) for each in (values, values - usual)]
        count = (~np.isnan(values[..., 0])).sum(axis=0)
        averages.append(Around(label, len(times), lag, *both[0], *both[1], count))
    return averages


def _values(timeline: Timeline, times: np.ndarray) -> np.ndarray:
    """The MEASURES (..., 9) of the rows at some times (...) (s); NaN outside of the timeline, and without evidence."""
    out = np.full((*times.shape, len(MEASURES)), np.nan)
    if not len(timeline):
        return out
    row = np.searchsorted(timeline.start, times + 1e-9, side="right") - 1
    inside = (row >= 0) & (times < timeline.end[np.maximum(row, 0)])
    measures = np.concatenate([timeline.probabilities, valence_arousal(timeline.probabilities)], axis=1)
    measures[~timeline.witnessed] = np.nan
    out[inside] = measures[row[inside]]
    return out


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis of the values that are not NaN; NaN without any."""
    has = ~np.isnan(values)
    total, count = np.where(has, values, 0.0).sum(axis=0), has.sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bootstrap 95 % interval (low, high) of the mean over markers, which are the first axis."""
    nothing = np.full(values.shape[1:], np.nan)
    if len(values) < 2:
        return nothing, nothing
    count = len(values)
    generator, shares, has = np.random.default_rng(SEED), np.full(count, 1 / count), ~np.isnan(values)
    known, parts, at_once = np.where(has, values, 0.0), [], max(1, MAX_DRAWN // count)
    for first in range(0, RESAMPLES, at_once):
        drawn = generator.multinomial(count, shares, min(at_once, RESAMPLES - first)).astype(float)
        total, weight = np.tensordot(drawn, known, 1), np.tensordot(drawn, has.astype(float), 1)
        parts.append(np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0))
    means = np.concatenate(parts)
    enough = has.sum(axis=0) >= 2
    means[:, ~enough] = 0.0  # nanpercentile would warn about columns that are all NaN
    low, high = np.nanpercentile(means, MASS, axis=0)
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def csv_text(averages: Sequence[Around], locale: str = "en") -> str:
    """Averages as CSV text, a line for each label, lag and measure; what is unknown is empty.

    ``locale`` is as in ``tables.csv_text``. Raises EmorecError for an unknown one.
    """
    return tables.localized(COLUMNS, _lines(averages), locale)


def _lines(averages: Sequence[Around]) -> Iterator[list[Any]]:
    for each in averages:
        columns = (each.mean, each.low, each.high, each.change, each.change_low, each.change_high)
        for row, lag in enumerate(each.lag):
            for column, measure in enumerate(MEASURES):
                cells = (_cell(values[row, column]) for values in columns)
                yield [each.label, _cell(lag), measure, *cells, int(each.count[row])]


def _cell(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), DIGITS)
