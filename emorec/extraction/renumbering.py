"""The numbers of tracks and persons in a part of a recording, and which they are in the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emorec.extraction.face_arrays import TRACKER

# Arrays of a segment that hold numbers of persons, and of tracks.
PERSONS = ("face_person", f"{TRACKER}persons", f"{TRACKER}known", f"{TRACKER}view_person", f"{TRACKER}next")
TRACKS = ("face_track", "identity_track", "thumbnail_track", f"{TRACKER}numbers", f"{TRACKER}next_track")

Arrays = dict[str, np.ndarray]
Seen = dict[tuple[float, bytes], tuple[int, int]]  # person and track of the face at a time in a place


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers in the whole recording of ``persons`` and ``tracks`` that were seen before the part; those that come
    in it are counted on from ``next_person`` and ``next_track``, which are ``own_person`` and ``own_track`` in it."""

    persons: Mapping[int, int]
    tracks: Mapping[int, int]
    own_person: int
    own_track: int
    next_person: int
    next_track: int

    @classmethod
    def after(cls, segments: Sequence[Arrays], before: Arrays, next_person: int, next_track: int) -> Numbers:
        """The numbers in a part that follows ``segments``, whose faces from before the joint are ``before`` (see
        ``LeadIn.faces``); whatever is new gets the numbers from ``next_person`` and ``next_track`` on."""
        if not before:
            return cls(persons={}, tracks={}, own_person=0, own_track=0, next_person=next_person, next_track=next_track)
        known = _seen(segments, float(before["time"].min(initial=np.inf)))
        persons: dict[int, int] = {}
        tracks: dict[int, int] = {}
        for row in reversed(range(len(before["time"]))):  # what was seen last counts
            found = known.get((float(before["time"][row]), before["box"][row].tobytes()))
            if found is not None:
                persons.setdefault(int(before["person"][row]), found[0])
                if found[1] not in tracks.values():
                    tracks.setdefault(int(before["track"][row]), found[1])
        own_person, own_track = int(before["next"][0]), int(before["next_track"][0])
        next_person = _complete(persons, own_person, next_person)
        next_track = _complete(tracks, own_track, next_track)
        return cls(
            persons=persons,
            tracks=tracks,
            own_person=own_person,
            own_track=own_track,
            next_person=next_person,
            next_track=next_track,
        )

    def person(self, number: int) -> int:
        """The number of a person of the part in the whole recording."""
        return self.persons[number] if number < self.own_person else number - self.own_person + self.next_person

    def track(self, number: int) -> int:
        """The number of a track of the part in the whole recording."""
        return self.tracks[number] if number < self.own_track else number - self.own_track + self.next_track


def _seen(segments: Sequence[Arrays], since: float) -> Seen:
    """Who was seen where in the segments, at ``since`` (s) or later."""
    seen: Seen = {}
    for segment in reversed(segments):
        columns = (segment["face_time"], segment["face_box"], segment["face_person"], segment["face_track"])
        for time, box, person, track in zip(*columns, strict=True):
            if time >= since:
                seen[float(time), np.asarray(box, np.float32).tobytes()] = int(person), int(track)
        if len(segment["frame_time"]) and segment["frame_time"][0] < since:
            break
    return seen


def _complete(known: dict[int, int], own: int, following: int) -> int:
    """Give what is not known of the numbers before ``own`` those from ``following`` on; return the next free one."""
    for number in range(own):
        if number not in known:
            known[number] = following
            following += 1
    return following


def renumber(segment: Arrays, numbers: Numbers) -> Arrays:
    """A segment of a part with the numbers of the whole recording, its tracks in their order."""
    changed = {name: _mapped(segment[name], numbers.person) for name in PERSONS if name in segment}
    changed |= {name: _mapped(segment[name], numbers.track) for name in TRACKS if name in segment}
    return _in_order(segment | changed)


def _mapped(values: np.ndarray, number: Callable[[int], int]) -> np.ndarray:
    found, where = np.unique(values, return_inverse=True)
    return np.array([number(int(one)) for one in found], values.dtype)[where].reshape(values.shape)


def _in_order(segment: Arrays) -> Arrays:
    """The segment with the best faces and the thumbnails in the order of their tracks."""
    best = np.argsort(segment["identity_track"], kind="stable")
    shown = np.argsort(segment["thumbnail_track"], kind="stable")
    sizes = segment["thumbnail_bytes"]
    jpegs = np.split(segment["thumbnail_jpeg"], np.cumsum(sizes)[:-1]) if len(sizes) else []
    ordered = {name: segment[name][best] for name in ("identity_track", "identity_quality", "identity_embedding")}
    ordered |= {name: segment[name][shown] for name in ("thumbnail_track", "thumbnail_quality", "thumbnail_bytes")}
    ordered["thumbnail_jpeg"] = np.concatenate([segment["thumbnail_jpeg"][:0], *(jpegs[row] for row in shown)])
    return segment | ordered
