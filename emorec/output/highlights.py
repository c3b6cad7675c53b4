"""Highlights of a timeline: peaks, lasting changes, disagreement of face and voice, low confidence, changes of person.

They are found on ``Timeline.grid``, so they do not depend on the step that is shown. All but low confidence and changes
of person are found on sure rows only. A peak and a change of emotion are those of one person: another face is another
face, not another mood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.extraction.people import default_name
from emorec.inference.timeline import Timeline
from emorec.output.text import percent

KINDS = ("peak", "shift", "disagreement", "unsure", "person")
WORDS = {  # of each kind, before its text
    "peak": "Peak: ",
    "shift": "Change ",
    "disagreement": "Face and voice differ: ",
    "unsure": "Low confidence: ",
    "person": "Other person: ",
}
MAX_OF_KIND = 3  # highlights of each kind
MIN_SHIFT = 0.35  # total variation distance between before and after; smaller changes do not count
LASTING = 5.0  # seconds before and after a change that are looked at
MIN_LASTING = 3.0  # seconds of these that must surely show the emotion, on each side; so one or two rows make no change
MIN_DISAGREEMENT = 0.3  # bits of Jensen-Shannon divergence between face and voice; smaller ones do not count
MIN_UNSURE = 5.0  # seconds of evidence with low confidence; shorter ones do not count
MIN_STAY = 5.0  # seconds that another person is shown; shorter ones do not count
NO_PEAK = "neutral"  # an emotion whose peaks are of no interest

# Rows (N,), their strengths (N,), and a function from a row to its emotion, text, reason and end (s).
Candidates = tuple[np.ndarray, np.ndarray, Callable[[int], tuple[str, str, str, float]]]


@dataclass(frozen=True)
class Highlight:
    """Something that stands out from ``start`` to ``end`` (s), which are those of its row on the grid or of a stretch.

    ``kind`` is one of KINDS. ``strength`` is 0 to 1, comparable within a kind. ``text`` says what it is, ``reason`` why
    it was chosen. ``person`` is the number of the person in a timeline of several, else None.
    """

    start: float
    end: float
    kind: str
    emotion: str
    strength: float
    text: str
    reason: str = ""
    person: int | None = None

    @property
    def sentence(self) -> str:
        """Its kind in words and its text, as in "Change from happy to sad"."""
        return f"{WORDS.get(self.kind, '')}{self.text}"


def find_highlights(timeline: Timeline, max_of_kind: int | None = MAX_OF_KIND) -> list[Highlight]:
    """The strongest highlights of each kind in order of time, those of a person at least a window apart within a kind.

    ``max_of_kind`` limits their number, of all persons together; None gives all of them.
    """
    timeline = timeline if timeline.grid is None else timeline.grid
    if not timeline.people:
        return _in_order(_of_one(timeline, max_of_kind))
    found = [
        replace(each, text=f"{each.text} ({one.name})", person=int(one.person.max(initial=-1)))
        for one in timeline.people
        for each in _of_one(one, max_of_kind)
        if each.kind != "person"  # a person's timeline tells of nobody else
    ]
    found.sort(key=lambda each: (-round(each.strength, 6), each.start))
    of_kind = ([each for each in found if each.kind == kind][:max_of_kind] for kind in KINDS)
    return _in_order([each for some in of_kind for each in some])


def _in_order(found: list[Highlight]) -> list[Highlight]:
    return sorted(found, key=lambda highlight: (highlight.start, KINDS.index(highlight.kind)))


def _of_one(timeline: Timeline, max_of_kind: int | None) -> list[Highlight]:
    """The strongest highlights of each kind of a timeline on its grid, without regard to ``Timeline.people``."""
    if not len(timeline):
        return []
    finders = (_peaks, _shifts, _disagreements, _unsure, _persons)
    return [
        Highlight(float(timeline.start[row]), end, kind, emotion, float(strength), text, reason)
        for kind, find in zip(KINDS, finders, strict=True)
        for row, strength, emotion, text, reason, end in _strongest(find(timeline), timeline, max_of_kind)
    ]


def _strongest(
    candidates: Candidates, timeline: Timeline, max_rows: int | None
) -> Iterator[tuple[int, float, str, str, str, float]]:
    """The strongest rows, at least a window apart, earlier ones first among equals."""
    rows, strengths, describe = candidates
    apart = max(timeline.window, timeline.step)
    order = np.lexsort((rows, -np.round(strengths, 6)))
    count = 0
    while len(order) and (max_rows is None or count < max_rows):
        row = rows[order[0]]
        yield int(row), float(strengths[order[0]]), *describe(int(row))
        order = order[np.abs(timeline.start[rows[order]] - timeline.start[row]) >= apart]
        count += 1


def _peaks(timeline: Timeline) -> Candidates:
    best, sure = _likeliest(timeline.probabilities), timeline.sure
    confidence = np.where(sure, timeline.confidence, 0.0)
    dominant = np.where(timeline.known, best, -1)
    # The first row of each run of the same emotion and person.
    first = np.flatnonzero((np.diff(dominant, prepend=-2) != 0) | (np.diff(_last_person(timeline), prepend=-2) != 0))
    highest = np.repeat(np.maximum.reduceat(confidence, first), np.diff(first, append=len(dominant)))
    counts = (confidence == highest) & sure & ~np.isin(dominant, [-1, EMOTIONS.index(NO_PEAK)])
    rows = np.flatnonzero(counts)
    # If a run reaches its highest confidence twice, the first time counts.
    run = np.searchsorted(first, rows, side="right")
    rows = rows[np.diff(run, prepend=0) > 0]
    lengths = np.add.reduceat(timeline.end - timeline.start, first)

    def describe(row: int) -> tuple[str, str, str, float]:
        name = EMOTIONS[best[row]]
        run = int(np.searchsorted(first, row, side="right")) - 1
        reason = f"the highest confidence in {lengths[run]:.0f} s of {name} without a break"
        return name, f"{name} at {confidence[row]:.0%}", reason, float(timeline.end[row])

    return rows, confidence[rows], describe


def _shifts(timeline: Timeline) -> Candidates:
    reach = max(1, round(timeline.window / 2 / timeline.step))  # in rows; windows nearer than this overlap
    rows = np.arange(count := len(timeline) if len(timeline) > reach else 0)
    before, after = np.maximum(rows - reach, 0), np.minimum(rows + reach - 1, count - 1)
    earlier, later = timeline.probabilities[before], timeline.probabilities[after]
    was, becomes = _likeliest(earlier), _likeliest(later)
    change = np.abs(later - earlier).sum(axis=1) / 2
    sure, person = timeline.sure, _last_person(timeline)
    same = (person[before] == person[after]) | (person[before] < 0)
    rows = np.flatnonzero((change >= MIN_SHIFT) & sure[before] & sure[after] & (was != becomes) & same)
    if not len(rows):
        return rows, change[rows], lambda row: ("", "", "", 0.0)
    # How much of the seconds before surely shows the emotion that was, and of those after the one that it becomes.
    lasting = max(1, round(LASTING / timeline.step))
    seconds_before = _seconds(timeline, rows - lasting, rows, was[rows])
    seconds_after = _seconds(timeline, rows, rows + lasting, becomes[rows])
    holds = np.minimum(seconds_before, seconds_after) >= MIN_LASTING - 1e-6
    rows = rows[holds]
    seconds = dict(zip(rows.tolist(), zip(seconds_before[holds], seconds_after[holds], strict=True), strict=True))

    def describe(row: int) -> tuple[str, str, str, float]:
        earlier_name, later_name = EMOTIONS[was[row]], EMOTIONS[becomes[row]]
        # Near an end of the recording there is less than LASTING.
        first, last = max(row - lasting, 0), min(row + lasting, len(timeline)) - 1
        earlier_span, later_span = timeline.start[row] - timeline.start[first], timeline.end[last] - timeline.start[row]
        reason = (
            f"{earlier_name} in {seconds[row][0] / earlier_span:.0%} of the {round(earlier_span, 1):g} s before, "
            f"{later_name} in {seconds[row][1] / later_span:.0%} of the {round(later_span, 1):g} s after"
        )
        return later_name, f"from {earlier_name} to {later_name}", reason, float(timeline.end[row])

    return rows, change[rows], describe


def _seconds(timeline: Timeline, first: np.ndarray, last: np.ndarray, emotion: np.ndarray) -> np.ndarray:
    """Seconds (N,) of the sure rows in the ranges first:last (N,) whose dominant emotion is ``emotion`` (N,)."""
    count = len(timeline)
    first, last = np.clip(first, 0, count), np.clip(last, 0, count)
    lengths = (timeline.end - timeline.start) * timeline.sure
    of_emotion = np.eye(len(EMOTIONS))[_likeliest(timeline.probabilities)] * lengths[:, None]
    sums = np.concatenate([np.zeros((1, len(EMOTIONS))), np.cumsum(of_emotion, axis=0)])
    return (sums[last] - sums[first])[np.arange(len(first)), emotion]


def _disagreements(timeline: Timeline) -> Candidates:
    face, voice = _likeliest(timeline.face), _likeliest(timeline.voice)
    rows = np.flatnonzero((timeline.disagreement >= MIN_DISAGREEMENT) & timeline.sure & (face != voice))

    def describe(row: int) -> tuple[str, str, str, float]:
        one, other = EMOTIONS[face[row]], EMOTIONS[voice[row]]
        reason = (
            f"the face says {one} {timeline.face[row, face[row]]:.0%}, "
            f"the voice {other} {timeline.voice[row, voice[row]]:.0%}"
        )
        return one, f"face {one}, voice {other}", reason, float(timeline.end[row])

    return rows, timeline.disagreement[rows], describe


def _unsure(timeline: Timeline) -> Candidates:
    """Stretches with evidence of their own and low confidence; the longer and the lower, the stronger."""
    confidence, likeliest = timeline.confidence, _likeliest(timeline.probabilities)
    firsts, lasts = _runs(timeline.witnessed & ~timeline.sure)
    lengths = timeline.end[lasts - 1] - timeline.start[firsts]
    enough = lengths >= MIN_UNSURE - 1e-6
    firsts, lasts, lengths = firsts[enough], lasts[enough], lengths[enough]
    means = np.array([confidence[first:last].mean() for first, last in zip(firsts, lasts, strict=True)])
    of_row = {int(first): (int(last), mean) for first, last, mean in zip(firsts, lasts, means, strict=True)}

    def describe(row: int) -> tuple[str, str, str, float]:
        last, mean = of_row[row]
        rows, end = slice(row, last), float(timeline.end[last - 1])
        emotion = EMOTIONS[np.bincount(likeliest[rows], minlength=len(EMOTIONS)).argmax()]
        reason = (
            f"confidence {percent(mean, sure=False)} on average, with a face in "
            f"{timeline.row_face[rows].mean():.0%} of the time and speech in {timeline.row_speech[rows].mean():.0%}"
        )
        return emotion, f"unsure for {end - timeline.start[row]:.0f} s", reason, end

    return firsts, (1 - means) * lengths / (lengths + MIN_UNSURE) if len(firsts) else np.zeros(0), describe


def _persons(timeline: Timeline) -> Candidates:
    """Stretches that show another person than before; the longer, the stronger."""
    shown = np.flatnonzero(timeline.person >= 0)  # rows without anybody interrupt no stay
    likeliest = _likeliest(timeline.probabilities)
    changes = np.flatnonzero(np.diff(timeline.person[shown]) != 0) + 1
    borders = np.concatenate([[0], changes, [len(shown)]]).astype(int)
    stays = {
        int(shown[begin]): (int(shown[end - 1]), int(shown[begin - 1]))
        for begin, end in zip(borders[1:-1], borders[2:], strict=True)
        if timeline.end[shown[end - 1]] - timeline.start[shown[begin]] >= MIN_STAY - 1e-6
    }
    rows = np.array(list(stays), int)
    lengths = np.array([timeline.end[last] - timeline.start[row] for row, (last, _) in stays.items()])

    def describe(row: int) -> tuple[str, str, str, float]:
        last, before = stays[row]
        end = float(timeline.end[last])
        known = likeliest[row : last + 1][timeline.known[row : last + 1]]
        emotion = EMOTIONS[np.bincount(known, minlength=len(EMOTIONS)).argmax()]
        now, earlier = _name(timeline, row), _name(timeline, before)
        return emotion, f"{now} after {earlier}", f"{now} is shown for {end - timeline.start[row]:.0f} s", end

    return rows, lengths / (lengths + MIN_STAY) if len(rows) else np.zeros(0), describe


def _last_person(timeline: Timeline) -> np.ndarray:
    """The person (N,) who was shown last up to each row, -1 before the first one."""
    shown = np.where(timeline.person >= 0, np.arange(len(timeline)), -1)
    last = np.maximum.accumulate(shown)
    return np.where(last >= 0, timeline.person[last], -1)


def _name(timeline: Timeline, row: int) -> str:
    """The name of the person in a row."""
    number = int(timeline.person[row])
    return timeline.names.get(number, default_name(number))


def _runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last (exclusive) indices of the runs of True in a mask (N,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return edges[::2], edges[1::2]


def _likeliest(probabilities: np.ndarray) -> np.ndarray:
    return np.nan_to_num(probabilities).argmax(axis=1)
