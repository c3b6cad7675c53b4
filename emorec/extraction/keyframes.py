"""Which of a recording's pictures are searched for faces, where, and what is said of those that are not.

Every other sampled picture is searched; on one between two that show the same faces in nearly the same places, the
faces are taken to be between those places. Three in four pictures are searched only for the faces that are known: where
all are large at half the size, else around them.
"""

import numpy as np

from emorec.face import detection
from emorec.face.detection import Face
from emorec.face.tracking import overlap
from emorec.media import streams

# How far a face may have moved between two searched pictures, 0.4 s apart, for the one between not to be searched, as
# a share of its box's longer side. The place in between is then off by about a tenth of that.
STILL = 0.10
SAME = 0.5  # intersection over union that two boxes of one such face have at least

WHOLE_EVERY = 4  # sampled pictures; every so many one is searched at whole size whatever is known
COARSE_SIDE = (
    detection.DETECTION_SIDE // 2
)  # pixels; the longer side of a picture that is searched for known faces only
# Share of a picture's longer side from which half the size is enough: landmarks then err by 2.2 % of a face, not 1.7 %,
# and not at all more from 0.3 on (258 pictures of real recordings, against a search at 640 px).
LARGE = 0.2
# Where they are smaller, the search for known faces is around them: within so many of a face's longer side on each side
# of it, if that is no more than this share of the picture. Landmarks err as they do in the whole picture, by 1.7 % of a
# face (137 pictures of a real recording), and by 2.3 % instead of 2.2 % in recordings shrunk by half (323 pictures).
NEAR = 0.75
MOST_AROUND = 0.6
GRID = 32  # pixels; where a part begins at multiples, the detector looks at the places that it looks at in the whole


def searched(frames, detector, rate):
    """Yield every frame, sampled at ``rate`` (Hz), with its faces, in pixels of ``frame.image``.

    What is said of a frame depends on it, the next one and the three before alone, not on where reading began.
    """
    before, between = None, None  # (bin, frame, faces) of the last one searched, and (bin, frame) of one behind it
    for frame in frames:
        number = streams.bin_of(frame.time, rate)
        if number % 2 and between is None and before is not None and before[0] == number - 1:
            between = number, frame
            continue
        coarse = number % WHOLE_EVERY == WHOLE_EVERY // 2 and before is not None and before[0] == number - 2
        here = number, frame, _look(frame.image, detector, before[2] if coarse else ())
        if between is not None:
            yield between[1], _faces_between(before, between, here, detector)
            between = None
        before = here
        yield frame, here[2]
    if between is not None:
        yield between[1], detector.detect(between[1].image)


def _faces_between(before, between, after, detector):
    """Faces of the picture between two searched ones: halfway where all stand nearly still, else searched too."""
    (_, first, faces_before), (number, frame, *_), (next_number, last, faces_after) = before, between, after
    if next_number == number + 1 and len(faces_before) == len(faces_after):
        share = (frame.time - first.time) / (last.time - first.time)
        halfway = [_halfway(face, faces_after, share) for face in faces_before]
        if None not in halfway:
            return halfway
        return _look(frame.image, detector, faces_before)
    return detector.detect(frame.image)


def _look(image, detector, known):
    """Faces in an image where as many as are ``known`` from one beside it are found quicker: around those, or, where
    all are large, at half the size."""
    if known:
        if min(max(face.box[2:]) for face in known) >= LARGE * max(image.shape[:2]):
            found = detector.detect(image, COARSE_SIDE)
        else:
            found = _look_around(image, detector, known)
        if len(found) == len(known):
            return found
    return detector.detect(image)


def _look_around(image, detector, known):
    """Faces in the part of an image that is near known ones; none where that part is nearly the whole."""
    boxes = np.array([face.box for face in known])
    sides = boxes[:, 2:].max(axis=1, keepdims=True)
    low = np.floor((boxes[:, :2] - NEAR * sides).min(axis=0) / GRID).clip(0).astype(int) * GRID
    high = np.ceil((boxes[:, :2] + boxes[:, 2:] + NEAR * sides).max(axis=0) / GRID).astype(int) * GRID
    part = image[low[1] : high[1], low[0] : high[0]]
    if np.prod(part.shape[:2]) > MOST_AROUND * np.prod(image.shape[:2]):
        return []
    corner = low.astype(np.float32)
    return [
        Face(face.box + np.append(corner, [0, 0]), face.landmarks + corner, face.score)
        for face in detector.detect(part)
    ]


def _halfway(face, others, share):
    """The face at that ``share`` of its way to where it is among the others; None if it is not, or has moved far."""
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
