"""Following faces through time: each face of each sampled frame gets a person number."""

from dataclasses import dataclass

import cv2
import numpy as np

LOST_SECONDS = 2.0  # a person unseen for longer comes back under a new number
MIN_OVERLAP = 0.3  # intersection over union that suffices to be the same person from frame to frame
NEAR = 1.0  # centre distance, in box sides, within which appearance may decide where overlap does not
MIN_LIKENESS = 0.6  # correlation of two thumbnails that counts as the same appearance
THUMBNAIL = 16  # pixels; side of the picture that a person is remembered by
SURROUNDINGS = 0.25  # share of the box added on every side: hair and collar tell people apart
OVERVIEW = (32, 18)  # pixels; the whole frame, shrunk to see cuts
CUT_DIFFERENCE = 0.16  # mean absolute change of the overview (of 1) that a cut has at least
CUT_LIKENESS = 0.5  # correlation of two overviews that a cut stays below


@dataclass
class Track:
    """A person while in sight: number, last box (left, top, width, height as fractions), time (s), thumbnail."""

    person: int
    box: np.ndarray
    time: float
    thumbnail: np.ndarray


class Tracker:
    """Gives person numbers, in order of appearance from 0, by overlap and appearance; a cut starts everyone anew."""

    def __init__(self):
        self._tracks = []
        self._overview = None
        self._next = 0

    def follow(self, time, image, boxes):
        """Person numbers, one a box, for boxes (N, 4) in fractions of an RGB image seen at ``time`` (s)."""
        overview = _picture(image, OVERVIEW)
        if self._overview is not None and is_cut(self._overview, overview):
            self._tracks = []
        self._overview = overview
        self._tracks = [track for track in self._tracks if time - track.time <= LOST_SECONDS]
        thumbnails = [_thumbnail(image, box) for box in boxes]
        pairs = sorted(
            (
                (_likeness(track, box, thumbnail), row, index)
                for row, (box, thumbnail) in enumerate(zip(boxes, thumbnails, strict=True))
                for index, track in enumerate(self._tracks)
            ),
            reverse=True,
        )
        matched = {}
        for likeness, row, index in pairs:
            if likeness > 0 and row not in matched and index not in matched.values():
                matched[row] = index
        persons = []
        for row, (box, thumbnail) in enumerate(zip(boxes, thumbnails, strict=True)):
            if row in matched:
                track = self._tracks[matched[row]]
                track.box, track.time, track.thumbnail = box, time, thumbnail
            else:
                track = Track(self._next, box, time, thumbnail)
                self._tracks.append(track)
                self._next += 1
            persons.append(track.person)
        return persons

    def state(self):
        """Everything needed to go on later exactly as if never interrupted: a dict of arrays."""
        shape = (0, THUMBNAIL, THUMBNAIL, 3)
        return {
            "next": np.array([self._next]),
            "persons": np.array([track.person for track in self._tracks], np.int64),
            "boxes": np.array([track.box for track in self._tracks], np.float32).reshape(-1, 4),
            "times": np.array([track.time for track in self._tracks], np.float64),
            "thumbnails": np.stack([track.thumbnail for track in self._tracks])
            if self._tracks
            else np.zeros(shape, np.float32),
            "overview": self._overview if self._overview is not None else np.zeros((0,), np.float32),
        }

    def restore(self, state):
        """Take up a state that ``state()`` gave."""
        self._next = int(state["next"][0])
        columns = (state["persons"], state["boxes"], state["times"], state["thumbnails"])
        self._tracks = [
            Track(int(person), box, float(time), thumbnail)
            for person, box, time, thumbnail in zip(*columns, strict=True)
        ]
        self._overview = state["overview"] if state["overview"].size else None


def is_cut(before, after):
    """Whether two overviews show different shots: much changed, and what changed is not just brightness."""
    return np.abs(after - before).mean() > CUT_DIFFERENCE and _correlation(before, after) < CUT_LIKENESS


def overlap(a, b):
    """Intersection over union of two boxes (left, top, width, height)."""
    low = np.maximum(a[:2], b[:2])
    high = np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / max(float(np.prod(a[2:]) + np.prod(b[2:])) - shared, 1e-12)


def _likeness(track, box, thumbnail):
    """How likely a box shows a tracked person; 0 where it cannot be."""
    shared = overlap(track.box, box)
    appearance = _correlation(track.thumbnail, thumbnail)
    distance = np.abs((track.box[:2] + track.box[2:] / 2) - (box[:2] + box[2:] / 2)) / np.maximum(track.box[2:], 1e-6)
    near = distance.max() <= NEAR and appearance >= MIN_LIKENESS
    return shared + max(appearance, 0.0) if shared >= MIN_OVERLAP or near else 0.0


def _thumbnail(image, box):
    height, width = image.shape[:2]
    left, top, wide, high = box * [width, height, width, height]
    left, right = left - SURROUNDINGS * wide, left + (1 + SURROUNDINGS) * wide
    top, bottom = top - SURROUNDINGS * high, top + (1 + SURROUNDINGS) * high
    left, top = int(np.clip(left, 0, width - 1)), int(np.clip(top, 0, height - 1))
    region = image[top : max(int(bottom), top + 1), left : max(int(right), left + 1)]
    return _picture(region, (THUMBNAIL, THUMBNAIL))


def _picture(image, size):
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-9))
