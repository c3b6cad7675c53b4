"""Persons that were seen before, remembered by a few views of each, so that a person who comes back keeps the number.

A person comes back after a cut or after some time out of sight. Two faces count as one person only if the shape of the
face and its colours and surroundings both agree closely: two numbers for one person do less harm than one number for
two persons.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

# Least correlation of two histograms of oriented gradients (Dalal and Triggs, 2005) of aligned faces, and of two
# thumbnails, for the same person. Of pairs of views of different people they let through none of 42,068 from one studio
# and 5 of 3,008,535 web pictures; of the same people in other clips from that studio they know a third again.
MIN_SHAPE = 0.80
MIN_COLOURS = 0.90
SHAPE_SIDE = 32  # pixels; side of the aligned face that the gradients are taken from
NEW_SHAPE = 0.92  # correlation with every kept view below which a view shows something new
VIEWS = 6  # of one person
VIEW_EVERY = 0.5  # seconds between two views of a person
MOST_PERSONS = 32  # that are remembered; who was seen longest ago is forgotten first

_GRADIENTS = cv2.HOGDescriptor((SHAPE_SIDE, SHAPE_SIDE), (16, 16), (8, 8), (8, 8), 9)
SHAPE_SIZE = _GRADIENTS.getDescriptorSize()


@dataclass(frozen=True)
class View:
    """One look at a face: ``shape`` (SHAPE_SIZE,) float16 of unit length, ``colours`` (side, side, 3) uint8."""

    shape: np.ndarray
    colours: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "unit", _unit(self.colours))


@dataclass
class Known:
    """A remembered person: when last seen and last viewed (s), and the views."""

    last: float
    viewed: float = -np.inf
    views: list = field(default_factory=list)


def view(crop, thumbnail):
    """The View of an aligned grey face uint8 (S, S) and a thumbnail float32 (side, side, 3) from 0 to 1."""
    shape = _GRADIENTS.compute(cv2.resize(crop, (SHAPE_SIDE, SHAPE_SIDE), interpolation=cv2.INTER_AREA))
    return View(_unit(shape).astype(np.float16), np.round(thumbnail * 255).astype(np.uint8))


class Memory:
    """The remembered persons by number; at most MOST_PERSONS, with at most VIEWS views each."""

    def __init__(self):
        self._known = {}

    def find(self, looks, barred, before=np.inf):
        """The number of the person whom a View shows and how sure that is; None and 0 if it is nobody known well.

        Persons in ``barred`` and those seen at or after the time ``before`` (s) are no candidates.
        """
        best, found = 0.0, None
        for person, known in self._known.items():
            if person in barred or known.last >= before or not known.views:
                continue
            shape = np.stack([one.shape for one in known.views]).astype(np.float32) @ looks.shape.astype(np.float32)
            colours = np.stack([one.unit for one in known.views]) @ looks.unit
            alike = shape[(shape >= MIN_SHAPE) & (colours >= MIN_COLOURS)]
            if alike.size and alike.max() > best:
                best, found = float(alike.max()), person
        return found, best

    def wants_view(self, person, time):
        """Whether the latest view of a person is old enough for another one at ``time`` (s)."""
        return person not in self._known or time - self._known[person].viewed >= VIEW_EVERY

    def see(self, person, time, looks=None):
        """Note that a person is seen at ``time`` (s), with a View if there is a clear one."""
        known = self._known.setdefault(person, Known(time))
        known.last = time
        if looks is not None:
            known.viewed = time
            _add(known.views, looks)
        while len(self._known) > MOST_PERSONS:
            del self._known[min(self._known, key=lambda number: self._known[number].last)]

    def join(self, person, into):
        """One person was taken for two: what is known of ``person`` is known of ``into`` from now on."""
        known, other = self._known.pop(person, None), self._known[into]
        if known is not None:
            other.last, other.viewed = max(other.last, known.last), max(other.viewed, known.viewed)
            for looks in known.views:
                _add(other.views, looks)

    def state(self, side):
        """Everything remembered, as a dict of arrays; ``side`` (px) is that of a thumbnail."""
        views = [(person, looks) for person, known in self._known.items() for looks in known.views]
        return {
            "known": np.array([*self._known], np.int64),
            "known_last": np.array([known.last for known in self._known.values()], np.float64),
            "known_viewed": np.array([known.viewed for known in self._known.values()], np.float64),
            "view_person": np.array([person for person, _ in views], np.int64),
            "view_shape": np.array([looks.shape for _, looks in views], np.float16).reshape(-1, SHAPE_SIZE),
            "view_colours": np.array([looks.colours for _, looks in views], np.uint8).reshape(-1, side, side, 3),
        }

    def restore(self, state):
        """Take up a state that ``state()`` gave."""
        columns = (state["known"], state["known_last"], state["known_viewed"])
        self._known = {
            int(person): Known(float(last), float(viewed)) for person, last, viewed in zip(*columns, strict=True)
        }
        for person, shape, colours in zip(
            state["view_person"], state["view_shape"], state["view_colours"], strict=True
        ):
            self._known[int(person)].views.append(View(shape, colours))


def _add(views, looks):
    """Keep a view that shows something new; of too many, the older one of the two most alike is dropped."""
    shapes = np.stack([one.shape for one in [*views, looks]]).astype(np.float32)
    alike = np.triu(shapes @ shapes.T, 1)
    if views and alike[:-1, -1].max() >= NEW_SHAPE:
        return
    views.append(looks)
    if len(views) > VIEWS:
        del views[int(np.unravel_index(alike.argmax(), alike.shape)[0])]


def _unit(values):
    values = values.astype(np.float32).ravel()
    values = values - values.mean()
    return values / max(float(np.sqrt((values * values).sum())), 1e-9)
