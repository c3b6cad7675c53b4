"""How alike two looks at a face are, and whether two frames belong to one shot."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

MIN_OVERLAP = 0.3  # intersection over union from which a face is the same person in the next frame
NEAR = 1.0  # centre distance, in box sides, within which appearance may decide if the overlap is too small
MIN_CORRELATION = 0.6  # of two thumbnails, for the same appearance
FACE_SIDE = 24  # pixels; side of the aligned face in that comparison
THUMBNAIL = 16  # pixels; side of the thumbnail by which a person is matched
SURROUNDINGS = 0.25  # share of the box added on every side: hair and collar help to distinguish people
CUT_DIFFERENCE = 0.16  # smallest mean absolute change of the overview (values 0 to 1) at a cut
CUT_CORRELATION = 0.5  # the correlation of the two overviews at a cut is below this


class Seen(Protocol):
    """What ``similarity`` reads of a track: its last box (left, top, width, height as fractions) and thumbnail."""

    box: np.ndarray
    thumbnail: np.ndarray


def is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two overviews show different shots: much changed, and not the brightness alone."""
    changed = float(np.abs(after - before).mean())
    return changed > CUT_DIFFERENCE and correlation(before, after) < CUT_CORRELATION


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (left, top, width, height)."""
    low = np.maximum(a[:2], b[:2])
    high = np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / max(float(np.prod(a[2:]) + np.prod(b[2:])) - shared, 1e-12)


def similarity(track: Seen, box: np.ndarray, thumbnail: np.ndarray) -> float:
    """How well a box matches a track, from 0 (no match) to 2."""
    shared = overlap(track.box, box)
    appearance = correlation(track.thumbnail, thumbnail)
    distance = np.abs((track.box[:2] + track.box[2:] / 2) - (box[:2] + box[2:] / 2)) / np.maximum(track.box[2:], 1e-6)
    near = distance.max() <= NEAR and appearance >= MIN_CORRELATION
    return shared + max(appearance, 0.0) if shared >= MIN_OVERLAP or near else 0.0


def thumbnail_of(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The face and its surroundings, float32 (THUMBNAIL, THUMBNAIL, 3) from 0 to 1.

    ``box`` (left, top, width, height) is in fractions of the image uint8 (H, W, 3).
    """
    height, width = image.shape[:2]
    left, top, wide, high = box * [width, height, width, height]
    left, right = left - SURROUNDINGS * wide, left + (1 + SURROUNDINGS) * wide
    top, bottom = top - SURROUNDINGS * high, top + (1 + SURROUNDINGS) * high
    left, top = int(np.clip(left, 0, width - 1)), int(np.clip(top, 0, height - 1))
    region = image[top : max(int(bottom), top + 1), left : max(int(right), left + 1)]
    return shrink(region, (THUMBNAIL, THUMBNAIL))


def small_face(crop: np.ndarray | None) -> np.ndarray:
    """A crop of FACE_SIDE pixels, zeros for None."""
    if crop is None:
        return np.zeros((FACE_SIDE, FACE_SIDE), np.uint8)
    return cv2.resize(crop, (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_AREA)


def shrink(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image uint8 in a smaller ``size`` (width, height, px), float32 from 0 to 1."""
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation, from -1 to 1, of the values of two arrays of the same shape; 0 if one is constant."""
    a, b = (a - a.mean()).ravel(), (b - b.mean()).ravel()
    return float(a @ b / max(np.sqrt((a @ a) * (b @ b)), 1e-9))
