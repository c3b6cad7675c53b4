"""Detect faces in some of the sampled pictures, and interpolate them in the others.

Faces are detected in every other sampled picture. If the pictures before and after show the same faces in nearly the
same places, those of the picture between them are interpolated. In three of four pictures only the known faces are
looked for: at half the size if all of them are large, else in the region around them.

A face that the detector is not sure of, and that is smaller than another one in the picture, must be known from a
neighbour or be found in other views of the picture (see ``face.confirmation``): folds of clothes may look like a face
for as long as they do not move. Larger unsure faces need no confirmation: it would lose one in seven of the faces that
are tilted or badly compressed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from emorec.face import detection
from emorec.face.confirmation import CLEAR_SCORE, confirm
from emorec.face.detection import Detector, Face
from emorec.face.matching import overlap
from emorec.media import sampling
from emorec.media.streams import Frame

# How far a face may move between two keyframes, 0.4 s apart, to be interpolated, as a share of the longer side of its
# box. The interpolated place is then off by about a tenth of that.
STILL = 0.10
# An unsure face whose side is below this share of the largest one's has to be confirmed. Of seven people, one had boxes
# without a face on her clothes, of 0.14 times the side of her face and with scores of 0.64 to 0.75; a necktie had 0.7
# times the side of the face above it, and scores of 0.61 to 0.71. If the detector is not sure of the largest face
# either, as in a blurred recording, only a much smaller one has to be.
SMALLER, MUCH_SMALLER = 0.8, 0.5
SAME = 0.5  # smallest intersection over union of two boxes of the same face

WHOLE_EVERY = 4  # sampled pictures; in every fourth one faces are detected at full size, whatever is known
COARSE_SIDE = detection.DETECTION_SIDE // 2  # pixels; the longer side of a picture in which only large faces are known
# Share of a picture's longer side; for larger faces half the size is enough. Landmarks then err by 2.2 % of a face
# instead of 1.7 %, and from 0.3 on not more (258 pictures of real recordings, compared with detection at 640 px).
LARGE = 0.2
# Smaller known faces are detected in the region around them, unless it is nearly the whole picture. Landmarks err as in
# the whole picture, by 1.7 % of a face (137 pictures of a real recording), and by 2.3 % instead of 2.2 % in recordings
# at half the size (323 pictures).
NEAR = 0.75  # how far the region goes beyond a face on each side, as a multiple of the face's longer side
MAX_REGION_SHARE = 0.6  # largest share of the picture that the region may have
GRID = 32  # pixels; in a region that begins at a multiple, the detector works as in the whole picture

Keyframe = tuple[int, Frame, list[Face]]  # bin, frame and its faces


def detect(frames: Iterable[Frame], detector: Detector, rate: float) -> Iterator[tuple[Frame, list[Face]]]:
    """Yield every frame, sampled at ``rate`` (Hz), with its faces in pixels of ``frame.image``.

    The faces depend only on the frame, the next one and the three before it, not on where reading began.
    """
    before: Keyframe | None = None
    between: tuple[int, Frame] | None = None  # the frame after ``before``, if its faces may be interpolated
    for frame in frames:
        number = sampling.bin_of(frame.time, rate)
        if number % 2 and between is None and before is not None and before[0] == number - 1:
            between = number, frame
            continue
        known: Sequence[Face] = ()
        if number % WHOLE_EVERY == WHOLE_EVERY // 2 and before is not None and before[0] == number - 2:
            known = before[2]
        keyframe = number, frame, _detect_known(frame.image, detector, known)
        if between is not None and before is not None:
            yield between[1], _faces_between(before, between, keyframe, detector)
            between = None
        before = keyframe
        yield frame, keyframe[2]
    if between is not None:
        yield between[1], _detect_known(between[1].image, detector, ())


def _faces_between(before: Keyframe, between: tuple[int, Frame], after: Keyframe, detector: Detector) -> list[Face]:
    """Faces of the frame between two keyframes: interpolated if all of them are nearly still, else detected."""
    (_, first, faces_before), (number, frame), (next_number, last, faces_after) = before, between, after
    if next_number == number + 1 and len(faces_before) == len(faces_after):
        share = (frame.time - first.time) / (last.time - first.time)
        faces = [_interpolate(face, faces_after, share) for face in faces_before]
        if all(face is not None for face in faces):
            return [face for face in faces if face is not None]
        return _detect_known(frame.image, detector, faces_before)
    faces = detector.detect(frame.image)
    unsure = _unsure(faces, [*faces_before, *faces_after])
    return [face for face in faces if not _among(face, unsure)]


def _detect_known(image: np.ndarray, detector: Detector, known: Sequence[Face]) -> list[Face]:
    """Faces in an image in which faces are ``known`` from a neighbour.

    If the quicker detection, at half the size or around the known faces, finds another number of faces, the whole image
    is used, where a face that is neither known nor clear is confirmed.
    """
    if known:
        if min(max(face.box[2:]) for face in known) >= LARGE * max(image.shape[:2]):
            found = detector.detect(image, COARSE_SIDE)
        else:
            found = _detect_around(image, detector, known)
        if len(found) == len(known):
            return found
    found = detector.detect(image)
    unsure = _unsure(found, known)
    kept = confirm(image, unsure, detector)
    return [face for face in found if not _among(face, unsure) or _among(face, kept)]


def _unsure(faces: Sequence[Face], known: Sequence[Face]) -> list[Face]:
    """The detections that may not be faces: smaller than another one, not clear, and not ``known``."""
    largest = max([*faces, *known], key=_side, default=None)
    if largest is None:
        return []
    limit = _side(largest) * (SMALLER if largest.score >= CLEAR_SCORE else MUCH_SMALLER)
    return [
        face
        for face in faces
        if face.score < CLEAR_SCORE
        and _side(face) < limit
        and not any(overlap(face.box, other.box) >= SAME for other in known)
    ]


def _side(face: Face) -> float:
    return float(max(face.box[2:]))


def _among(face: Face, faces: Sequence[Face]) -> bool:
    return any(face is other for other in faces)


def _detect_around(image: np.ndarray, detector: Detector, known: Sequence[Face]) -> list[Face]:
    """Faces in the region of an image around known ones; none if the region is nearly the whole image."""
    boxes = np.array([face.box for face in known])
    sides = boxes[:, 2:].max(axis=1, keepdims=True)
    low = np.floor((boxes[:, :2] - NEAR * sides).min(axis=0) / GRID).clip(0).astype(int) * GRID
    high = np.ceil((boxes[:, :2] + boxes[:, 2:] + NEAR * sides).max(axis=0) / GRID).astype(int) * GRID
    region = image[low[1] : high[1], low[0] : high[0]]
    if np.prod(region.shape[:2]) > MAX_REGION_SHARE * np.prod(image.shape[:2]):
        return []
    corner = low.astype(np.float32)
    return [
        Face(face.box + np.append(corner, [0, 0]), face.landmarks + corner, face.score)
        for face in detector.detect(region)
    ]


def _interpolate(face: Face, others: Sequence[Face], share: float) -> Face | None:
    """The face at a ``share`` (0 to 1) of its way to the same face among ``others``; None if that is missing or far."""
    for other in others:
        reach = STILL * float(max(face.box[2:]))
        near = overlap(face.box, other.box) >= SAME
        if near and np.abs(np.append(face.landmarks - other.landmarks, face.box - other.box)).max() <= reach:
            return Face(
                (1 - share) * face.box + share * other.box,
                (1 - share) * face.landmarks + share * other.landmarks,
                min(face.score, other.score),
            )
    return None
