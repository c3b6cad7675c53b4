"""The tracks of faces that a user describes, found in a recording, and the persons of all its faces after that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emorec.extraction.people import Box, People, Track

NEAR = 0.15  # seconds between the face of a track and the place that stands for it; pictures are 0.2 s apart
SOON = 1.0  # seconds from the begin of a part in which a track that runs on from before it is seen again
SAME_PLACE = 0.3  # intersection over union of the two boxes from which on they are the same face

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Tracks:
    """The tracks (T,) in the faces (N,) of a recording: the track ``of_face`` (N,), and each track's ``first`` and
    ``last`` face."""

    of_face: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, arrays: Arrays) -> Tracks:
        """The tracks of Features' arrays; without tracks the faces of a person are one."""
        _, first, of_face = np.unique(
            arrays.get("face_track", arrays["face_person"]), return_index=True, return_inverse=True
        )
        last = np.zeros(len(first), np.int64)
        last[of_face] = np.arange(len(of_face))  # faces lie in the order of time, so the last one stays
        return cls(of_face, first, last)

    def described(self, arrays: Arrays, track: int) -> Track:
        """What stands for a track."""
        face = int(self.first[track])
        left, top, width, height = (round(float(value), 4) for value in arrays["face_box"][face])
        begin, end = (round(float(arrays["face_time"][one]), 3) for one in (face, self.last[track]))
        return Track(begin, (left, top, width, height), end)

    def find(self, arrays: Arrays, wanted: Track) -> int | None:
        """The track that ``wanted`` stands for, or None if this part of the recording does not show it."""
        times = arrays["face_time"]
        low, high = np.searchsorted(times, [wanted.time - NEAR, wanted.time + NEAR])
        shares = overlaps(arrays["face_box"][low:high].astype(np.float64), wanted.box)
        # The nearest in time first: right after a cut another person may be in the same place.
        distances = np.round(np.abs(times[low:high] - wanted.time), 2)
        for face in np.lexsort((-shares, distances)):
            if shares[face] >= SAME_PLACE:
                return int(self.of_face[low + face])
        return None

    def running(self, arrays: Arrays, wanted: Sequence[Track], free: np.ndarray) -> dict[int, int]:
        """The tracks that began before this part of the recording and continue in it, by index of ``wanted``.

        They are recognised by their place alone, the best fit first. ``free`` (T,) are the tracks that may be taken.
        """
        begin = float(arrays["frame_time"][0])
        times = arrays["face_time"][self.first]
        there = np.flatnonzero(free & (times <= begin + SOON))
        boxes = arrays["face_box"][self.first[there]].astype(np.float64)
        running = {
            index: overlaps(boxes, one.box) * (times[there] <= one.end)
            for index, one in enumerate(wanted)
            if one.end is not None and one.time < begin <= one.end
        }
        fits = np.array([*running.values()]).reshape(len(running), len(there))
        found: dict[int, int] = {}
        while fits.max(initial=0) >= SAME_PLACE:
            row, column = np.unravel_index(fits.argmax(), fits.shape)
            found[[*running][row]] = int(there[column])
            fits[row], fits[:, column] = 0, 0
        return found


def overlaps(boxes: np.ndarray, box: Box) -> np.ndarray:
    """Intersection over union of boxes (N, 4) with one box."""
    low = np.maximum(boxes[:, :2], box[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], np.add(box[:2], box[2:]))
    common = np.maximum(high - low, 0).prod(axis=1)
    return common / np.maximum(boxes[:, 2:].prod(axis=1) + box[2] * box[3] - common, 1e-12)


def apply_people(people: People, arrays: Arrays, found: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The person of every face (N,), as the user wants it.

    ``found`` (N,) are the persons that were found, ``shown`` (N,) for how long each face is shown (s). A track that
    the user did not describe goes with the others that were found for its person, unless it shares a picture with a
    face of the person whose these are now. Persons who are not described keep their numbers if these are free.
    """
    tracks = Tracks.of(arrays)
    if not len(tracks.first):
        return found
    groups = found[tracks.first]
    owner = owners(people, arrays, tracks, groups)
    taken = {person.number for person in people}
    numbers = np.full(len(groups), -1)
    for index, person in enumerate(people):
        numbers[owner == index] = person.number
    seconds = np.bincount(tracks.of_face, shown, len(groups))
    waiting: list[np.ndarray] = []  # tracks whose number is another person's
    for group in np.unique(groups[owner < 0]):
        left = np.flatnonzero((groups == group) & (owner < 0))
        described = np.flatnonzero((groups == group) & (owner >= 0))
        if len(described):
            most = int(np.bincount(owner[described], seconds[described]).argmax())
            left = _joined(left, people.persons[most].number, numbers, arrays["face_time"], tracks)
        if len(left) and int(group) in taken:
            waiting.append(left)
        elif len(left):
            numbers[left] = group
            taken.add(int(group))
    for left in waiting:
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        numbers[left] = number
        taken.add(number)
    return numbers[tracks.of_face]


def _joined(chosen: np.ndarray, number: int, numbers: np.ndarray, times: np.ndarray, tracks: Tracks) -> np.ndarray:
    """Give the chosen tracks the number of a person; return those that share a picture with that person's faces.

    ``numbers`` (T,) are changed in place; ``times`` (N,) are those of the faces (s).
    """
    theirs = times[np.isin(tracks.of_face, np.flatnonzero(numbers == number))]
    for track in chosen:
        own = times[tracks.of_face == track]
        if not np.isin(own, theirs).any():
            numbers[track] = number
            theirs = np.concatenate([theirs, own])
    return chosen[numbers[chosen] < 0]


def owners(people: People, arrays: Arrays, tracks: Tracks, groups: np.ndarray) -> np.ndarray:
    """For each track (T,) the index of the person who is described with it, -1 for none.

    ``groups`` (T,) are the persons that were found for the tracks.
    """
    owner = np.full(len(groups), -1)
    for index, person in enumerate(people):
        if person.tracks is None:
            owner[(groups == person.number) & (owner < 0)] = index
    exact, missing = np.full(len(groups), -1), []
    for index, person in enumerate(people):
        for wanted in person.tracks or ():
            track = tracks.find(arrays, wanted)
            if track is None:
                missing.append((index, wanted))
            else:
                exact[track] = index
    for place, track in tracks.running(arrays, [wanted for _, wanted in missing], exact < 0).items():
        exact[track] = missing[place][0]
    return np.where(exact >= 0, exact, owner)
