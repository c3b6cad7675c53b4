"""The finders of highlights, one for each kind, on a timeline of one person or without ``people``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.extraction.people import default_name
from emorec.inference.timeline import Timeline
from emorec.output.text import percent

MIN_SHIFT = 0.35  # total variation distance between before and after; smaller changes do not count
LASTING = 5.0  # seconds before a change, and after it, in which it is checked
MIN_LASTING = 3.0  # seconds of these with a sure row of the emotion, on each side; so one or two rows make no change
MIN_DISAGREEMENT = 0.3  # bits of Jensen-Shannon divergence between face and voice; smaller ones do not count
MIN_UNSURE = 5.0  # seconds of evidence with low confidence; shorter stretches do not count
MIN_STAY = 5.0  # seconds that another person is shown; shorter stretches do not count
NO_PEAK = "neutral"  # an emotion whose peaks are of no interest

Description = tuple[str, str, str, float]  # emotion, text, reason and end (s) of a highlight
# Rows (N,), their strengths (N,), and a function that describes the highlight at a row.
Candidates = tuple[np.ndarray, np.ndarray, Callable[[int], Description]]


def find_peaks(timeline: Timeline) -> Candidates:
    """The highest confidence in each run of the same emotion of one person; the higher, the stronger."""
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

    def describe(row: int) -> Description:
        name = EMOTIONS[best[row]]
        run = int(np.searchsorted(first, row, side="right")) - 1
        reason = f"the highest confidence in {lengths[run]:.0f} s of {name} without a break"
        return name, f"{name} at {confidence[row]:.0%}", reason, float(timeline.end[row])

    return rows, confidence[rows], describe


def find_shifts(timeline: Timeline) -> Candidates:
    """Changes from one emotion to another that last on both sides; the larger, the stronger."""
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
    # Before the change, the earlier emotion must be sure for some seconds, and after it the later one.
    lasting = max(1, round(LASTING / timeline.step))
    seconds_before = _seconds_of_emotion(timeline, rows - lasting, rows, was[rows])
    seconds_after = _seconds_of_emotion(timeline, rows, rows + lasting, becomes[rows])
    holds = np.minimum(seconds_before, seconds_after) >= MIN_LASTING - 1e-6
    rows = rows[holds]
    seconds = dict(zip(rows.tolist(), zip(seconds_before[holds], seconds_after[holds], strict=True), strict=True))

    def describe(row: int) -> Description:
        earlier_name, later_name = EMOTIONS[was[row]], EMOTIONS[becomes[row]]
        # Near the start and the end of the recording there is less than LASTING.
        first, last = max(row - lasting, 0), min(row + lasting, len(timeline)) - 1
        earlier_span, later_span = timeline.start[row] - timeline.start[first], timeline.end[last] - timeline.start[row]
        reason = (
            f"{earlier_name} in {seconds[row][0] / earlier_span:.0%} of the {round(earlier_span, 1):g} s before, "
            f"{later_name} in {seconds[row][1] / later_span:.0%} of the {round(later_span, 1):g} s after"
        )
        return later_name, f"from {earlier_name} to {later_name}", reason, float(timeline.end[row])

    return rows, change[rows], describe


def _seconds_of_emotion(timeline: Timeline, first: np.ndarray, last: np.ndarray, emotion: np.ndarray) -> np.ndarray:
    """The length (N,) (s) of the sure rows in the ranges first:last (N,) whose dominant emotion is ``emotion`` (N,)."""
    count = len(timeline)
    first, last = np.clip(first, 0, count), np.clip(last, 0, count)
    lengths = (timeline.end - timeline.start) * timeline.sure
    of_emotion = np.eye(len(EMOTIONS))[_likeliest(timeline.probabilities)] * lengths[:, None]
    sums = np.concatenate([np.zeros((1, len(EMOTIONS))), np.cumsum(of_emotion, axis=0)])
    return (sums[last] - sums[first])[np.arange(len(first)), emotion]


def find_disagreements(timeline: Timeline) -> Candidates:
    """Rows in which face and voice name different emotions; the larger the divergence, the stronger."""
    face, voice = _likeliest(timeline.face), _likeliest(timeline.voice)
    rows = np.flatnonzero((timeline.disagreement >= MIN_DISAGREEMENT) & timeline.sure & (face != voice))

    def describe(row: int) -> Description:
        one, other = EMOTIONS[face[row]], EMOTIONS[voice[row]]
        reason = (
            f"the face says {one} {timeline.face[row, face[row]]:.0%}, "
            f"the voice {other} {timeline.voice[row, voice[row]]:.0%}"
        )
        return one, f"face {one}, voice {other}", reason, float(timeline.end[row])

    return rows, timeline.disagreement[rows], describe


def find_unsure(timeline: Timeline) -> Candidates:
    """Stretches with evidence of their own and low confidence; the longer and the less confident, the stronger."""
    confidence, likeliest = timeline.confidence, _likeliest(timeline.probabilities)
    firsts, lasts = _runs(timeline.witnessed & ~timeline.sure)
    lengths = timeline.end[lasts - 1] - timeline.start[firsts]
    enough = lengths >= MIN_UNSURE - 1e-6
    firsts, lasts, lengths = firsts[enough], lasts[enough], lengths[enough]
    means = np.array([confidence[first:last].mean() for first, last in zip(firsts, lasts, strict=True)])
    of_row = {int(first): (int(last), mean) for first, last, mean in zip(firsts, lasts, means, strict=True)}

    def describe(row: int) -> Description:
        last, mean = of_row[row]
        rows, end = slice(row, last), float(timeline.end[last - 1])
        emotion = EMOTIONS[np.bincount(likeliest[rows], minlength=len(EMOTIONS)).argmax()]
        reason = (
            f"confidence {percent(mean, sure=False)} on average, with a face in "
            f"{timeline.row_face[rows].mean():.0%} of the time and speech in {timeline.row_speech[rows].mean():.0%}"
        )
        return emotion, f"unsure for {end - timeline.start[row]:.0f} s", reason, end

    return firsts, (1 - means) * lengths / (lengths + MIN_UNSURE) if len(firsts) else np.zeros(0), describe


def find_persons(timeline: Timeline) -> Candidates:
    """Stretches that show another person than before; the longer, the stronger."""
    shown = np.flatnonzero(timeline.person >= 0)  # rows without anybody do not interrupt a stay
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

    def describe(row: int) -> Description:
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
