"""The label at a face: the name of the person, and the emotion of the timeline at that time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from emorec.extraction.people import default_name
from emorec.inference.result import Timeline


@dataclass(frozen=True)
class Label:
    """A person's ``name`` and dominant ``emotion``, "" if there is no evidence; not ``sure`` if confidence is low."""

    name: str
    emotion: str = ""
    confidence: float = 0.0
    sure: bool = False


@dataclass(frozen=True)
class Row:
    """One row of a timeline: the ``person`` whom it is about, -1 for nobody; the rest is as in ``Label``."""

    person: int
    emotion: str
    confidence: float
    sure: bool


class Rows:
    """The rows of a timeline by time."""

    def __init__(self, timeline: Timeline):
        self._start, self._end = timeline.start, timeline.end
        self._person, self._emotion = timeline.person, np.where(timeline.witnessed, timeline.dominant, "")
        self._confidence, self._sure = np.nan_to_num(timeline.confidence), timeline.sure

    def at(self, time: float) -> Row | None:
        """The row that describes ``time`` (s), None outside of the timeline."""
        row = int(np.searchsorted(self._start, time, side="right")) - 1
        if row < 0 or time > self._end[row]:
            return None
        return Row(int(self._person[row]), str(self._emotion[row]), float(self._confidence[row]), bool(self._sure[row]))


class Labels:
    """The labels of all persons: from ``timeline.people`` if there are any, else from the timeline itself.

    In a timeline without ``people``, each row is about one person, and the labels of all others have only a name.
    ``names`` are the names of the persons by number; a person without a name is called by the number.
    """

    def __init__(self, timeline: Timeline, names: Mapping[int, str] | None = None):
        self._names = dict(names or {})
        self._each = {int(one.person[0]): Rows(one) for one in timeline.people if len(one)}
        for one in timeline.people or (timeline,):
            if one.name and len(one) and one.person.max() >= 0:
                self._names.setdefault(int(one.person.max()), one.name)
        self._rows = None if timeline.people else Rows(timeline)

    def name(self, person: int) -> str:
        """What a person is called."""
        return self._names.get(person, default_name(person))

    def at(self, time: float, person: int) -> Label:
        """The label of a person at ``time`` (s)."""
        rows = self._rows or self._each.get(person)
        row = rows.at(time) if rows else None
        if row is None or not row.emotion or (self._rows and row.person != person):
            return Label(self.name(person))
        return Label(self.name(person), row.emotion, row.confidence, row.sure)
