"""The faces of one segment, gathered picture by picture, and the arrays that are stored of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from emorec.extraction.best_crops import BestCrops, no_identities
from emorec.face import alignment, thumbnail
from emorec.face.detection import Face
from emorec.face.tracking import Tracker
from emorec.media.streams import Frame
from emorec.models import identity, speaker
from emorec.models.networks import FaceConfig

FACE_BATCH = 32  # crops that are encoded at a time
TRACKER = "tracker."  # prefix of the tracker's state among the arrays of a segment
CLEAR = 0.2  # quality at which a face is clear enough to be compared with the faces seen before

Arrays = dict[str, np.ndarray]


class FaceRow(NamedTuple):
    """One face in one picture: the values of a row of the arrays ``face_...``, without the network's outputs."""

    time: float  # seconds
    person: int
    box: np.ndarray  # (4,), left, top, width, height, fractions of the picture
    score: float
    quality: float
    track: int


@dataclass
class FaceSegment:
    """The faces of one segment; ``crops`` are those that are not encoded yet."""

    rows: list[FaceRow] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)
    best: BestCrops = field(default_factory=BestCrops)
    times: list[float] = field(default_factory=list)  # of the pictures (s)
    untils: list[float] = field(default_factory=list)  # when each picture ends (s)
    state: Arrays = field(default_factory=dict)  # of the tracker
    end: float = 0.0  # seconds

    def add(self, frame: Frame, found: list[Face], tracker: Tracker, size: int) -> None:
        """Track and align the faces of one frame, and add them.

        ``found`` are in pixels of ``frame.image``; ``size`` (px) is the side of the crops.
        """
        self.times.append(frame.time)
        small = np.array(frame.image.shape[1::-1], np.float32)
        full = np.array(frame.luma.shape[1::-1], np.float32) / small
        boxes = np.array([face.box for face in found], np.float32).reshape(-1, 4) / np.tile(small, 2)
        found = [Face(face.box * np.tile(full, 2), face.landmarks * full, face.score) for face in found]
        crops = [alignment.align(frame.luma, face.landmarks, size, frame.limited) for face in found]
        qualities = [alignment.quality(face, crop) for face, crop in zip(found, crops, strict=True)]
        clear = [crop if quality >= CLEAR else None for crop, quality in zip(crops, qualities, strict=True)]
        persons = tracker.update(frame.time, frame.image, boxes, clear)
        for face, box, person, quality, track in zip(found, boxes, persons, qualities, tracker.tracks, strict=True):
            self.rows.append(FaceRow(frame.time, person, box, face.score, quality, track))
            cut_out = partial(alignment.align, frame.luma, face.landmarks, identity.SIZE, frame.limited)
            self.best.offer(track, frame.time, quality, cut_out, partial(thumbnail.cut_out, frame.image, box))
        self.crops += crops

    def take_batch(self) -> list[np.ndarray]:
        """Remove and return the first crops, as many as the network encodes at a time."""
        crops, self.crops = self.crops[:FACE_BATCH], self.crops[FACE_BATCH:]
        return crops

    def correct_persons(self, tracker: Tracker) -> None:
        """Give the faces the numbers of known persons that the tracker recognised only later."""
        if renamed := tracker.take_renamed():
            self.rows = [row._replace(person=renamed.get(row.person, row.person)) for row in self.rows]

    def finish(self, tracker: Tracker, end: float, untils: list[float]) -> tuple[list[np.ndarray], FaceSegment]:
        """End the segment at ``end`` (s); return the last crops, and the segment with the tracker's state.

        The pictures are shown until ``untils`` (s), the last of which may be in a later segment.
        """
        self.correct_persons(tracker)
        self.untils, self.state, self.end = untils, tracker.state(), end
        return self.crops, self

    def arrays(self, config: FaceConfig, encoded: list[tuple[np.ndarray, ...]]) -> Arrays:
        """The arrays of the segment; ``encoded`` are embeddings, logits and mouths of its faces, batch by batch."""
        arrays = no_faces(config)
        if self.rows:
            for name, column in zip(FaceRow._fields, zip(*self.rows, strict=True), strict=True):
                arrays[f"face_{name}"] = np.array(column).astype(arrays[f"face_{name}"].dtype)
            embeddings, logits, mouths = (np.concatenate(parts) for parts in zip(*encoded, strict=True))
            arrays["face_embedding"], arrays["face_logits"] = embeddings.astype(np.float16), logits
            arrays["face_mouth"] = mouths.astype(np.float16)
        state = {TRACKER + name: value for name, value in self.state.items()}
        frames = {"frame_time": np.array(self.times), "frame_until": np.array(self.untils)}
        return arrays | state | frames | {"end": np.array([self.end])}


def no_faces(config: FaceConfig) -> Arrays:
    """The face arrays of a segment, without rows."""
    return {
        "face_time": np.zeros(0),
        "face_person": np.zeros(0, np.int64),
        "face_box": np.zeros((0, 4), np.float32),
        "face_score": np.zeros(0, np.float32),
        "face_quality": np.zeros(0, np.float32),
        "face_embedding": np.zeros((0, config.widths[-1]), np.float16),
        "face_logits": np.zeros((0, len(config.labels)), np.float32),
        "face_track": np.zeros(0, np.int64),
        "face_mouth": np.zeros((0, speaker.DIMENSIONS), np.float16),
    } | no_identities()
