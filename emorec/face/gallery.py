"""A gallery of the persons seen so far, with a few views of each, so that people who come back keep their number.

A person comes back after a cut or after some time out of sight. Two faces count as one person only if the shape of the
face and its colours and surroundings both agree closely: two numbers for one person do less harm than one number for
two persons.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import cv2
import numpy as np

# Minimum correlation, for the same person, of two histograms of oriented gradients (Dalal and Triggs, 2005) of aligned
# faces, and of two thumbnails. Of pairs of views of different people these limits accept none of 42,068 from one studio
# and 5 of 3,008,535 web images; of the same people in other clips from that studio they recognise one third.
MIN_SHAPE = 0.80
MIN_COLOURS = 0.90
SHAPE_SIDE = 32  # pixels; side of the aligned face that the gradients are computed on
NEW_SHAPE = 0.92  # a view whose correlation with every stored view is below this shows something new
MAX_VIEWS = 6  # of one person
VIEW_INTERVAL = 0.5  # seconds between two views of a person
MAX_PERSONS = 32  # in the gallery; the one not seen for the longest time is removed first

_GRADIENTS = cv2.HOGDescriptor((SHAPE_SIDE, SHAPE_SIDE), (16, 16), (8, 8), (8, 8), 9)
SHAPE_SIZE = _GRADIENTS.getDescriptorSize()


class View:
    """One view of a face: ``shape`` (SHAPE_SIZE,) float16 of unit length, ``colours`` (side, side, 3) uint8.

    ``unit`` are the colours less their mean, at unit length.
    """

    def __init__(self, shape: np.ndarray, colours: np.ndarray):
        self.shape, self.colours, self.unit = shape, colours, _unit(colours)


@dataclass
class Entry:
    """A person in the gallery: when last seen, when last viewed (s), and the views."""

    last: float
    viewed: float = -np.inf
    views: list[View] = field(default_factory=list)


def view_of(crop: np.ndarray, thumbnail: np.ndarray) -> View:
    """The View of an aligned grey face uint8 (S, S) and a thumbnail float32 (side, side, 3) from 0 to 1."""
    shape = np.asarray(
        _GRADIENTS.compute(cv2.resize(crop, (SHAPE_SIDE, SHAPE_SIDE), interpolation=cv2.INTER_AREA)), np.float32
    )
    return View(_unit(shape).astype(np.float16), np.round(thumbnail * 255).astype(np.uint8))


class Gallery:
    """Persons by number; at most MAX_PERSONS, with at most MAX_VIEWS views each."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}

    def find(self, view: View, excluded: Collection[int], before: float = np.inf) -> tuple[int | None, float]:
        """The number of the person in a View and the similarity, from 0 to 1; None and 0 if nobody is similar enough.

        Persons in ``excluded`` and those seen at or after the time ``before`` (s) are not considered.
        """
        best, found = 0.0, None
        for person, entry in self._entries.items():
            if person in excluded or entry.last >= before or not entry.views:
                continue
            shape = np.stack([one.shape for one in entry.views]).astype(np.float32) @ view.shape.astype(np.float32)
            colours = np.stack([one.unit for one in entry.views]) @ view.unit
            similar = shape[(shape >= MIN_SHAPE) & (colours >= MIN_COLOURS)]
            if similar.size and similar.max() > best:
                best, found = float(similar.max()), person
        return found, best

    def wants_view(self, person: int, time: float) -> bool:
        """Whether the latest view of a person is old enough for another one at ``time`` (s)."""
        return person not in self._entries or time - self._entries[person].viewed >= VIEW_INTERVAL

    def add(self, person: int, time: float, view: View | None = None) -> None:
        """Record that a person is seen at ``time`` (s), with a View if there is a clear one."""
        entry = self._entries.setdefault(person, Entry(time))
        entry.last = time
        if view is not None:
            entry.viewed = time
            _add_view(entry.views, view)
        while len(self._entries) > MAX_PERSONS:
            del self._entries[min(self._entries, key=lambda number: self._entries[number].last)]

    def merge(self, person: int, into: int) -> None:
        """Merge the entry of ``person`` into that of ``into``: both numbers belong to the same person."""
        entry, other = self._entries.pop(person, None), self._entries[into]
        if entry is not None:
            other.last, other.viewed = max(other.last, entry.last), max(other.viewed, entry.viewed)
            for view in entry.views:
                _add_view(other.views, view)

    def state(self, side: int) -> dict[str, np.ndarray]:
        """The whole gallery as a dict of arrays; ``side`` (px) is that of a thumbnail."""
        views = [(person, view) for person, entry in self._entries.items() for view in entry.views]
        return {
            "known": np.array([*self._entries], np.int64),
            "known_last": np.array([entry.last for entry in self._entries.values()], np.float64),
            "known_viewed": np.array([entry.viewed for entry in self._entries.values()], np.float64),
            "view_person": np.array([person for person, _ in views], np.int64),
            "view_shape": np.array([view.shape for _, view in views], np.float16).reshape(-1, SHAPE_SIZE),
            "view_colours": np.array([view.colours for _, view in views], np.uint8).reshape(-1, side, side, 3),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a state that ``state()`` returned."""
        columns = (state["known"], state["known_last"], state["known_viewed"])
        self._entries = {
            int(person): Entry(float(last), float(viewed)) for person, last, viewed in zip(*columns, strict=True)
        }
        for person, shape, colours in zip(
            state["view_person"], state["view_shape"], state["view_colours"], strict=True
        ):
            self._entries[int(person)].views.append(View(shape, colours))


def _add_view(views: list[View], view: View) -> None:
    """Add a view that shows something new; if there are too many, drop the older of the two most similar ones."""
    shapes = np.stack([one.shape for one in [*views, view]]).astype(np.float32)
    similarity = np.triu(shapes @ shapes.T, 1)
    if views and similarity[:-1, -1].max() >= NEW_SHAPE:
        return
    views.append(view)
    if len(views) > MAX_VIEWS:
        del views[int(np.unravel_index(similarity.argmax(), similarity.shape)[0])]


def _unit(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float32).ravel()
    values = values - values.mean()
    return values / max(float(np.sqrt((values * values).sum())), 1e-9)
