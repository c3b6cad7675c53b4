"""Tracking faces through time: each face of each sampled frame gets a person number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from emorec.face.gallery import Gallery, View, view_of
from emorec.face.matching import (
    FACE_SIDE,
    THUMBNAIL,
    correlation,
    is_cut,
    shrink,
    similarity,
    small_face,
    thumbnail_of,
)

MATCH_BY_POSITION_SECONDS = 2.0  # how long a person out of sight can be matched by position; later by appearance
TENTATIVE_SECONDS = 2.0  # how long a new track may still turn out to show a known person
# Least sum of the correlations of two thumbnails and of two aligned faces in a track. Of cuts between people who sit in
# the same place of one studio it misses none of 164; in one of 20 pairs of frames 0.2 s apart it doubts without need.
UNBROKEN = 1.75
OVERVIEW = (32, 18)  # pixels; the whole frame, shrunk to detect cuts
STILL_DIFFERENCE = 3 / 255  # a video whose overview (values 0 to 1) changes by less than this everywhere is a still


@dataclass
class Track:
    """A person while in sight: number, last box (left, top, width, height as fractions), time (s), thumbnail.

    A track is tentative as long as it may turn out to show a known person; ``since`` (s) is when a
    tentative track began, and minus infinity for other tracks. ``number`` changes with every doubt that the face is the
    same: a cut that looks like none, or a time out of sight.
    """

    person: int
    box: np.ndarray
    time: float
    thumbnail: np.ndarray
    since: float = -np.inf
    number: int = 0
    face: np.ndarray = field(default_factory=lambda: np.zeros((FACE_SIDE, FACE_SIDE), np.uint8))


class Tracker:
    """Assigns person numbers, in order of appearance from 0.

    From frame to frame faces are matched by overlap and appearance. A cut ends all tracks. A person who comes back
    after a cut, or after some time out of sight, is found again in the gallery if the face is clearly the same.
    """

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._gallery = Gallery()
        self._overview: np.ndarray | None = None
        self._time = -np.inf
        self._first: np.ndarray | None = None
        self._began, self._still = -np.inf, True
        self._next = 0
        self._next_track = 0
        self._numbers: list[int] = []
        self._renamed: dict[int, int] = {}

    @property
    def time(self) -> float:
        """Time of the latest frame (s), minus infinity before the first one."""
        return self._time

    @property
    def began(self) -> float:
        """Time of the first frame (s), minus infinity before it."""
        return self._began

    @property
    def tracks(self) -> list[int]:
        """Track numbers of the faces of the latest frame: a track is one person, a person may have many tracks."""
        return self._numbers

    @property
    def still(self) -> bool:
        """Whether all frames so far are the same, according to their overviews."""
        return self._still

    def begin(self, time: float, image: np.ndarray) -> None:
        """Tell what the first frame of the recording is, if ``update`` is not called with it.

        ``image`` (H, W, 3) is RGB, seen at ``time`` (s).
        """
        self._first, self._began = shrink(image, OVERVIEW), time

    def update(
        self, time: float, image: np.ndarray, boxes: np.ndarray, crops: Sequence[np.ndarray | None] | None = None
    ) -> list[int]:
        """Person numbers for the faces of one frame, in the order of ``boxes``.

        ``boxes`` (N, 4) are fractions of the RGB ``image`` (H, W, 3), seen at ``time`` (s). ``crops`` are the aligned
        grey faces uint8 (S, S), with None for a face too poor to be recognised.
        """
        overview = shrink(image, OVERVIEW)
        if self._overview is not None and is_cut(self._overview, overview):
            self._tracks = []
        self._overview = overview
        if self._first is None:
            self._first, self._began = overview, time
        self._still = self._still and bool(np.abs(overview - self._first).max() < STILL_DIFFERENCE)
        # Frames may be far apart (slides, time lapse): a person seen in one frame counts as present until the next.
        self._tracks = [t for t in self._tracks if time - t.time <= MATCH_BY_POSITION_SECONDS or t.time == self._time]
        self._time = time
        thumbnails = [thumbnail_of(image, box) for box in boxes]
        crops = crops or [None] * len(thumbnails)
        faces = [small_face(crop) for crop in crops]
        current = self._match(boxes, thumbnails)
        for row, track in current.items():
            same_face = correlation(track.face, faces[row]) if track.face.any() and faces[row].any() else 1.0
            if same_face + correlation(track.thumbnail, thumbnails[row]) < UNBROKEN:
                track.number = self._new_track()
            track.box, track.time, track.thumbnail = boxes[row], time, thumbnails[row]
        views = self._views(current, time, thumbnails, crops)
        self._reidentify(current, time, boxes, thumbnails, views)
        for row, track in sorted(current.items()):
            track.face = faces[row]
            self._gallery.add(track.person, time, views[row])
        self._numbers = [current[row].number for row in range(len(boxes))]
        return [current[row].person for row in range(len(boxes))]

    def _match(self, boxes: np.ndarray, thumbnails: list[np.ndarray]) -> dict[int, Track]:
        """The track that each box continues, by row; the most similar pairs are matched first."""
        pairs = sorted(
            (
                (similarity(track, box, thumbnail), row, index)
                for row, (box, thumbnail) in enumerate(zip(boxes, thumbnails, strict=True))
                for index, track in enumerate(self._tracks)
            ),
            reverse=True,
        )
        matched: dict[int, int] = {}
        for alike, row, index in pairs:
            if alike > 0 and row not in matched and index not in matched.values():
                matched[row] = index
        return {row: self._tracks[index] for row, index in matched.items()}

    def _new_track(self) -> int:
        self._next_track += 1
        return self._next_track - 1

    def take_renamed(self) -> dict[int, int]:
        """Corrections since the last call: {number given by mistake: number of the known person}."""
        renamed, self._renamed = self._renamed, {}
        return renamed

    def _views(
        self,
        current: dict[int, Track],
        time: float,
        thumbnails: list[np.ndarray],
        crops: Sequence[np.ndarray | None],
    ) -> list[View | None]:
        """A View of every face that is new, tentative, or was not viewed for some time; else None."""
        views: list[View | None] = []
        for row, (crop, thumbnail) in enumerate(zip(crops, thumbnails, strict=True)):
            track = current.get(row)
            wanted = (
                track is None or time - track.since <= TENTATIVE_SECONDS or self._gallery.wants_view(track.person, time)
            )
            views.append(view_of(crop, thumbnail) if crop is not None and wanted else None)
        return views

    def _reidentify(
        self,
        current: dict[int, Track],
        time: float,
        boxes: np.ndarray,
        thumbnails: list[np.ndarray],
        views: list[View | None],
    ) -> None:
        """Give every new face a track, with the number of a known person if possible; compare tentative ones again."""
        for track in current.values():
            if time - track.since > TENTATIVE_SECONDS:
                track.since = -np.inf
        open_rows = [row for row in range(len(boxes)) if row not in current or current[row].since > -np.inf]
        found = []
        for row in open_rows:
            view = views[row]
            if view is not None:
                present = {track.person for track in current.values()}
                before = current[row].since if row in current else np.inf
                person, alike = self._gallery.find(view, present, before)
                if person is not None:
                    found.append((alike, row, person))
        known: dict[int, int] = {}
        for _, row, person in sorted(found, reverse=True):
            if row not in known and person not in known.values():
                known[row] = person
        for row in open_rows:
            if row not in current:
                is_known = row in known
                person = known[row] if is_known else self._next
                self._next += not is_known
                since = -np.inf if is_known else time
                current[row] = Track(person, boxes[row], time, thumbnails[row], since, self._new_track())
                self._tracks = [track for track in self._tracks if track.person != person] + [current[row]]
            elif row in known:
                track, person = current[row], known[row]
                self._gallery.merge(track.person, person)
                self._renamed[track.person] = person
                self._tracks = [other for other in self._tracks if other.person != person]
                track.person, track.since = person, -np.inf

    def state(self) -> dict[str, np.ndarray]:
        """Everything needed to continue exactly as without an interruption: a dict of arrays."""
        shape = (0, THUMBNAIL, THUMBNAIL, 3)
        return {
            "next": np.array([self._next]),
            "next_track": np.array([self._next_track]),
            "time": np.array([self._time]),
            "began": np.array([self._began]),
            "still": np.array([self._still]),
            "first": self._first if self._first is not None else np.zeros((0,), np.float32),
            "persons": np.array([track.person for track in self._tracks], np.int64),
            "boxes": np.array([track.box for track in self._tracks], np.float32).reshape(-1, 4),
            "faces": np.array([track.face for track in self._tracks], np.uint8).reshape(-1, FACE_SIDE, FACE_SIDE),
            "numbers": np.array([track.number for track in self._tracks], np.int64),
            "times": np.array([track.time for track in self._tracks], np.float64),
            "since": np.array([track.since for track in self._tracks], np.float64),
            "thumbnails": np.stack([track.thumbnail for track in self._tracks])
            if self._tracks
            else np.zeros(shape, np.float32),
            "overview": self._overview if self._overview is not None else np.zeros((0,), np.float32),
        } | self._gallery.state(THUMBNAIL)

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a state that ``state()`` returned."""
        self._next, self._time = int(state["next"][0]), float(state["time"][0])
        self._next_track = int(state["next_track"][0])
        names = ("persons", "boxes", "times", "thumbnails", "since", "numbers", "faces")
        self._tracks = [
            Track(int(person), box, float(time), thumbnail, float(since), int(number), face)
            for person, box, time, thumbnail, since, number, face in zip(*(state[name] for name in names), strict=True)
        ]
        self._overview = state["overview"] if state["overview"].size else None
        self._first = state["first"] if state["first"].size else None
        self._began, self._still = float(state["began"][0]), bool(state["still"][0])
        self._gallery.restore(state)
