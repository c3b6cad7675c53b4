"""Tracking faces through time: each face of each sampled frame gets a person number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from emorec.face.gallery import Gallery, View, view_of

MATCH_BY_POSITION_SECONDS = 2.0  # how long a person out of sight can be matched by position; later by appearance
TENTATIVE_SECONDS = 2.0  # how long a new track may still turn out to show a known person
MIN_OVERLAP = 0.3  # intersection over union from which a face is the same person in the next frame
NEAR = 1.0  # centre distance, in box sides, within which appearance may decide if the overlap is too small
MIN_CORRELATION = 0.6  # of two thumbnails, for the same appearance
THUMBNAIL = 16  # pixels; side of the thumbnail by which a person is matched
SURROUNDINGS = 0.25  # share of the box added on every side: hair and collar help to distinguish people
OVERVIEW = (32, 18)  # pixels; the whole frame, shrunk to detect cuts
STILL_DIFFERENCE = 3 / 255  # a video whose overview (values 0 to 1) changes by less than this everywhere is a still
CUT_DIFFERENCE = 0.16  # smallest mean absolute change of the overview (values 0 to 1) at a cut
CUT_CORRELATION = 0.5  # the correlation of the two overviews at a cut is below this


@dataclass
class Track:
    """A person while in sight: number, last box (left, top, width, height as fractions), time (s), thumbnail.

    A track is tentative as long as it may turn out to show a known person; ``since`` (s) is when a
    tentative track began, and minus infinity for other tracks.
    """

    person: int
    box: np.ndarray
    time: float
    thumbnail: np.ndarray
    since: float = -np.inf


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
    def still(self) -> bool:
        """Whether all frames so far are the same, according to their overviews."""
        return self._still

    def update(
        self, time: float, image: np.ndarray, boxes: np.ndarray, crops: Sequence[np.ndarray | None] | None = None
    ) -> list[int]:
        """Person numbers for the faces of one frame, in the order of ``boxes``.

        ``boxes`` (N, 4) are fractions of the RGB ``image`` (H, W, 3), seen at ``time`` (s). ``crops`` are the aligned
        grey faces uint8 (S, S), with None for a face too poor to be recognised.
        """
        overview = _shrink(image, OVERVIEW)
        if self._overview is not None and is_cut(self._overview, overview):
            self._tracks = []
        self._overview = overview
        if self._first is None:
            self._first, self._began = overview, time
        self._still = self._still and bool(np.abs(overview - self._first).max() < STILL_DIFFERENCE)
        # Frames may be far apart (slides, time lapse): a person seen in one frame counts as present until the next.
        self._tracks = [t for t in self._tracks if time - t.time <= MATCH_BY_POSITION_SECONDS or t.time == self._time]
        self._time = time
        thumbnails = [_thumbnail(image, box) for box in boxes]
        pairs = sorted(
            (
                (_similarity(track, box, thumbnail), row, index)
                for row, (box, thumbnail) in enumerate(zip(boxes, thumbnails, strict=True))
                for index, track in enumerate(self._tracks)
            ),
            reverse=True,
        )
        matched: dict[int, int] = {}
        for similarity, row, index in pairs:
            if similarity > 0 and row not in matched and index not in matched.values():
                matched[row] = index
        current = {row: self._tracks[index] for row, index in matched.items()}
        for row, track in current.items():
            track.box, track.time, track.thumbnail = boxes[row], time, thumbnails[row]
        views = self._views(current, time, thumbnails, crops or [None] * len(thumbnails))
        self._reidentify(current, time, boxes, thumbnails, views)
        for row, track in sorted(current.items()):
            self._gallery.add(track.person, time, views[row])
        return [current[row].person for row in range(len(boxes))]

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
                person, similarity = self._gallery.find(view, present, before)
                if person is not None:
                    found.append((similarity, row, person))
        known: dict[int, int] = {}
        for _, row, person in sorted(found, reverse=True):
            if row not in known and person not in known.values():
                known[row] = person
        for row in open_rows:
            if row not in current:
                is_known = row in known
                person = known[row] if is_known else self._next
                self._next += not is_known
                current[row] = Track(person, boxes[row], time, thumbnails[row], -np.inf if is_known else time)
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
            "time": np.array([self._time]),
            "began": np.array([self._began]),
            "still": np.array([self._still]),
            "first": self._first if self._first is not None else np.zeros((0,), np.float32),
            "persons": np.array([track.person for track in self._tracks], np.int64),
            "boxes": np.array([track.box for track in self._tracks], np.float32).reshape(-1, 4),
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
        columns = (state["persons"], state["boxes"], state["times"], state["thumbnails"], state["since"])
        self._tracks = [
            Track(int(person), box, float(time), thumbnail, float(since))
            for person, box, time, thumbnail, since in zip(*columns, strict=True)
        ]
        self._overview = state["overview"] if state["overview"].size else None
        self._first = state["first"] if state["first"].size else None
        self._began, self._still = float(state["began"][0]), bool(state["still"][0])
        self._gallery.restore(state)


def is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two overviews show different shots: much changed, and not the brightness alone."""
    changed = float(np.abs(after - before).mean())
    return changed > CUT_DIFFERENCE and _correlation(before, after) < CUT_CORRELATION


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    low = np.maximum(a[:2], b[:2])
    high = np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / max(float(np.prod(a[2:]) + np.prod(b[2:])) - shared, 1e-12)


def _similarity(track: Track, box: np.ndarray, thumbnail: np.ndarray) -> float:
    """How well a box matches a track, from 0 (no match) to 2."""
    shared = overlap(track.box, box)
    appearance = _correlation(track.thumbnail, thumbnail)
    distance = np.abs((track.box[:2] + track.box[2:] / 2) - (box[:2] + box[2:] / 2)) / np.maximum(track.box[2:], 1e-6)
    near = distance.max() <= NEAR and appearance >= MIN_CORRELATION
    return shared + max(appearance, 0.0) if shared >= MIN_OVERLAP or near else 0.0


def _thumbnail(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    left, top, wide, high = box * [width, height, width, height]
    left, right = left - SURROUNDINGS * wide, left + (1 + SURROUNDINGS) * wide
    top, bottom = top - SURROUNDINGS * high, top + (1 + SURROUNDINGS) * high
    left, top = int(np.clip(left, 0, width - 1)), int(np.clip(top, 0, height - 1))
    region = image[top : max(int(bottom), top + 1), left : max(int(right), left + 1)]
    return _shrink(region, (THUMBNAIL, THUMBNAIL))


def _shrink(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-9))
