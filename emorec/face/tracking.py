"""Following faces through time: each face of each sampled frame gets a person number."""

from dataclasses import dataclass

import cv2
import numpy as np

from emorec.face.gallery import Memory, view

LOST_SECONDS = 2.0  # how long the place of a person out of sight counts; after that only the looks do
HOPE_SECONDS = 2.0  # how long a new face may still turn out to be somebody known
MIN_OVERLAP = 0.3  # intersection over union that suffices to be the same person from frame to frame
NEAR = 1.0  # centre distance, in box sides, within which appearance may decide where overlap does not
MIN_LIKENESS = 0.6  # correlation of two thumbnails that counts as the same appearance
THUMBNAIL = 16  # pixels; side of the picture that a person is remembered by
SURROUNDINGS = 0.25  # share of the box added on every side: hair and collar tell people apart
OVERVIEW = (32, 18)  # pixels; the whole frame, shrunk to see cuts
STILL_DIFFERENCE = 3 / 255  # change of the overview (of 1) that a video that moves has somewhere
CUT_DIFFERENCE = 0.16  # mean absolute change of the overview (of 1) that a cut has at least
CUT_LIKENESS = 0.5  # correlation of two overviews that a cut stays below


@dataclass
class Track:
    """A person while in sight: number, last box (left, top, width, height as fractions), time (s), thumbnail.

    ``since`` (s) is when it began if the person may still turn out to be somebody known, else minus infinity.
    """

    person: int
    box: np.ndarray
    time: float
    thumbnail: np.ndarray
    since: float = -np.inf


class Tracker:
    """Gives person numbers, in order of appearance from 0.

    From picture to picture faces are matched by overlap and appearance. A cut ends that; whoever comes back after one,
    or after some time out of sight, is found again among the remembered persons if the face is clearly the same.
    """

    def __init__(self):
        self._tracks = []
        self._memory = Memory()
        self._overview = None
        self._time = -np.inf
        self._first = None
        self._began, self._still = -np.inf, True
        self._next = 0
        self._renamed = {}

    @property
    def time(self):
        """When the latest picture was seen (s), minus infinity before the first one."""
        return self._time

    @property
    def began(self):
        """When the first picture was seen (s), minus infinity before it."""
        return self._began

    @property
    def still(self):
        """Whether all pictures so far are the same, as far as their overviews tell."""
        return self._still

    def follow(self, time, image, boxes, crops=None):
        """Person numbers, one a box, for boxes (N, 4) in fractions of an RGB image seen at ``time`` (s).

        ``crops`` are the aligned grey faces uint8 (S, S), one a box, with None for a face too poor to be recognised.
        """
        overview = _picture(image, OVERVIEW)
        if self._overview is not None and is_cut(self._overview, overview):
            self._tracks = []
        self._overview = overview
        if self._first is None:
            self._first, self._began = overview, time
        self._still = self._still and bool(np.abs(overview - self._first).max() < STILL_DIFFERENCE)
        # Pictures may be far apart (slides, time lapse): who is in one of them is there until the next one.
        self._tracks = [t for t in self._tracks if time - t.time <= LOST_SECONDS or t.time == self._time]
        self._time = time
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
        here = {row: self._tracks[index] for row, index in matched.items()}
        for row, track in here.items():
            track.box, track.time, track.thumbnail = boxes[row], time, thumbnails[row]
        views = self._views(here, time, thumbnails, crops or [None] * len(thumbnails))
        self._find_again(here, time, boxes, thumbnails, views)
        for row, track in sorted(here.items()):
            self._memory.see(track.person, time, views[row])
        return [here[row].person for row in range(len(boxes))]

    def take_renamed(self):
        """Numbers given since the last call that turned out to belong to somebody known: a dict to the known ones."""
        renamed, self._renamed = self._renamed, {}
        return renamed

    def _views(self, here, time, thumbnails, crops):
        """A View of every face that is new, may be somebody known, or was not viewed for some time; else None."""
        wanted = [
            crop is not None
            and (
                row not in here
                or time - here[row].since <= HOPE_SECONDS
                or self._memory.wants_view(here[row].person, time)
            )
            for row, crop in enumerate(crops)
        ]
        return [
            view(crop, thumbnail) if want else None
            for want, crop, thumbnail in zip(wanted, crops, thumbnails, strict=True)
        ]

    def _find_again(self, here, time, boxes, thumbnails, views):
        """Give every new face a track, of somebody known if possible, and look at those again that began lately."""
        for track in here.values():
            if time - track.since > HOPE_SECONDS:
                track.since = -np.inf
        open_rows = [row for row in range(len(boxes)) if row not in here or here[row].since > -np.inf]
        found = []
        for row in open_rows:
            if views[row] is not None:
                barred = {track.person for track in here.values()}
                person, likeness = self._memory.find(views[row], barred, here[row].since if row in here else np.inf)
                if person is not None:
                    found.append((likeness, row, person))
        given = {}
        for _, row, person in sorted(found, reverse=True):
            if row not in given and person not in given.values():
                given[row] = person
        for row in open_rows:
            if row not in here:
                known = row in given
                person = given[row] if known else self._next
                self._next += not known
                here[row] = Track(person, boxes[row], time, thumbnails[row], -np.inf if known else time)
                self._tracks = [track for track in self._tracks if track.person != person] + [here[row]]
            elif row in given:
                track, person = here[row], given[row]
                self._memory.join(track.person, person)
                self._renamed[track.person] = person
                self._tracks = [other for other in self._tracks if other.person != person]
                track.person, track.since = person, -np.inf

    def state(self):
        """Everything needed to go on later exactly as if never interrupted: a dict of arrays."""
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
        } | self._memory.state(THUMBNAIL)

    def restore(self, state):
        """Take up a state that ``state()`` gave."""
        self._next, self._time = int(state["next"][0]), float(state["time"][0])
        columns = (state["persons"], state["boxes"], state["times"], state["thumbnails"], state["since"])
        self._tracks = [
            Track(int(person), box, float(time), thumbnail, float(since))
            for person, box, time, thumbnail, since in zip(*columns, strict=True)
        ]
        self._overview = state["overview"] if state["overview"].size else None
        self._first = state["first"] if state["first"].size else None
        self._began, self._still = float(state["began"][0]), bool(state["still"][0])
        self._memory.restore(state)


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
