"""Highlights of a timeline: peaks, lasting changes, disagreement of face and voice, low confidence, changes of person.

They are found on ``Timeline.grid``, so they do not depend on the step that is shown. All but low confidence and changes
of person are found on sure rows only. A peak and a change of emotion are about one person: where another face is seen,
the emotion of the first one has not changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Integral

import numpy as np

from emorec.errors import EmorecError
from emorec.inference.timeline import Timeline
from emorec.output import highlight_finders
from emorec.output.highlight_finders import Candidates

FINDERS = {
    "peak": highlight_finders.find_peaks,
    "shift": highlight_finders.find_shifts,
    "disagreement": highlight_finders.find_disagreements,
    "unsure": highlight_finders.find_unsure,
    "person": highlight_finders.find_persons,
}
KINDS = tuple(FINDERS)
WORDS = {  # of each kind, before its text
    "peak": "Peak: ",
    "shift": "Change ",
    "disagreement": "Face and voice differ: ",
    "unsure": "Low confidence: ",
    "person": "Other person: ",
}
NO_COUNT = "The number of highlights is {count!r}; give a whole number of 0 or more, or None for all of them."
MAX_OF_KIND = 3  # highlights of each kind


@dataclass(frozen=True)
class Highlight:
    """Something that stands out from ``start`` to ``end`` (s), the times of a row on the grid or of a stretch.

    ``kind`` is one of KINDS, or ``negative.KIND``. ``strength`` is 0 to 1, comparable within a kind. ``text`` says what
    it is, ``reason`` why it was chosen. ``person`` is the number of the person in a timeline of several, else None.
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


def check_count(count: object) -> None:
    """Raise EmorecError unless a number of highlights is a whole number of 0 or more, or None for all."""
    if count is not None and (isinstance(count, bool) or not isinstance(count, Integral) or count < 0):
        raise EmorecError(NO_COUNT.format(count=count))


def find_highlights(timeline: Timeline, max_of_kind: int | None = MAX_OF_KIND) -> list[Highlight]:
    """The strongest highlights of each kind, in order of time.

    Those of the same kind and person are at least a window apart. ``max_of_kind`` limits the number of each kind, for
    all persons together; None gives all of them.
    """
    check_count(max_of_kind)
    timeline = timeline if timeline.grid is None else timeline.grid
    if not timeline.people:
        return _in_order(_single_highlights(timeline, max_of_kind))
    found = [
        replace(each, text=f"{each.text} ({one.name})", person=int(one.person.max(initial=-1)))
        for one in timeline.people
        for each in _single_highlights(one, max_of_kind)
        if each.kind != "person"  # the timeline of a person has no changes of person
    ]
    found.sort(key=lambda each: (-round(each.strength, 6), each.start))
    strongest = ([each for each in found if each.kind == kind][:max_of_kind] for kind in KINDS)
    return _in_order([each for of_kind in strongest for each in of_kind])


def _in_order(found: list[Highlight]) -> list[Highlight]:
    return sorted(found, key=lambda highlight: (highlight.start, KINDS.index(highlight.kind)))


def _single_highlights(timeline: Timeline, max_of_kind: int | None) -> list[Highlight]:
    """The strongest highlights of each kind, unsorted; ``timeline`` is a grid, whose ``people`` do not count here."""
    if not len(timeline):
        return []
    return [
        Highlight(float(timeline.start[row]), end, kind, emotion, float(strength), text, reason)
        for kind, find in FINDERS.items()
        for row, strength, emotion, text, reason, end in _strongest(find(timeline), timeline, max_of_kind)
    ]


def _strongest(
    candidates: Candidates, timeline: Timeline, max_rows: int | None
) -> Iterator[tuple[int, float, str, str, str, float]]:
    """The strongest rows, at least a window apart, as (row, strength, emotion, text, reason, end (s))."""
    rows, strengths, describe = candidates
    apart = max(timeline.window, timeline.step)
    order = np.lexsort((rows, -np.round(strengths, 6)))
    count = 0
    while len(order) and (max_rows is None or count < max_rows):
        row = rows[order[0]]
        yield int(row), float(strengths[order[0]]), *describe(int(row))
        order = order[np.abs(timeline.start[rows[order]] - timeline.start[row]) >= apart]
        count += 1
