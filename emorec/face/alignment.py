"""Alignment: cut a face out so that its landmarks lie where the face network's training images have them."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from emorec.media.video import EXPANDED

# Right eye, left eye (as the viewer sees them: left and right), tip of the nose and the two corners of the mouth in the
# training images of the face network, as fractions of the image's side. Means over the faces that YuNet finds in FER+
# Train enlarged four times; `python train/evaluation/framing.py FERPLUS_FOLDER` measures them.
FRAMING = np.array([[0.310, 0.374], [0.674, 0.375], [0.488, 0.585], [0.352, 0.751], [0.640, 0.751]], dtype=np.float32)

FULL_SIZE = 64.0  # pixels; a face box higher than this gives the face network no further detail
FULL_SHARPNESS = 0.0015  # variance of the Laplacian of a crop in [0, 1] that an unblurred face reaches


class DetectedFace(Protocol):
    """What ``quality`` reads of a face: ``box`` (left, top, width, height) and ``landmarks`` (5, 2), in pixels."""

    @property
    def box(self) -> np.ndarray: ...
    @property
    def landmarks(self) -> np.ndarray: ...


def align(image: np.ndarray, landmarks: np.ndarray, size: int, limited: bool = False) -> np.ndarray:
    """The aligned face as a grey uint8 crop (size, size).

    ``image`` is uint8, RGB (H, W, 3) or grey (H, W), the latter with values from 16 to 235 if ``limited``;
    ``landmarks`` (5, 2) are in pixels. They are mapped to FRAMING by the least-squares similarity transform of Umeyama,
    1991. Outside the image its border is repeated.
    """
    matrix = similarity(landmarks, FRAMING * size)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    image, matrix = _crop_around(image, matrix, size)
    if limited:
        image = cv2.LUT(image, EXPANDED)  # as video.full_range does, in a third of the time
    if scale < 1.0:
        # Sampling alone would alias if the face shrinks: the region is first averaged down to about the final size.
        height, width = image.shape[:2]
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, target, interpolation=cv2.INTER_AREA)
        back = np.diag([width / target[0], height / target[1], 1.0])
        # The coordinates of warpAffine are those of pixel centres, not of corners.
        back[:2, 2] = (np.array([width / target[0], height / target[1]]) - 1) / 2
        matrix = matrix @ back
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The 2x3 matrix of the shift, rotation and scale that maps points (N, 2) to others with the least square error."""
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    spread = max((a**2).sum(), 1e-12)
    cosine = (a * b).sum() / spread
    sine = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / spread
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([rotation, target.mean(axis=0) - rotation @ source.mean(axis=0)])


def quality(face: DetectedFace, crop: np.ndarray) -> float:
    """How informative a face is, from 0 to 1: the product of its size, its sharpness and how frontal it is.

    ``crop`` is the aligned grey face uint8 (S, S).
    """
    size = min(1.0, float(face.box[3]) / FULL_SIZE)
    sharpness = min(1.0, float(cv2.Laplacian(crop, cv2.CV_16S).var()) / 255**2 / FULL_SHARPNESS)
    eyes, nose = face.landmarks[:2], face.landmarks[2]
    distance = max(float(np.hypot(*(eyes[1] - eyes[0]))), 1e-6)
    offset = float((nose - eyes.mean(axis=0)) @ (eyes[1] - eyes[0])) / distance**2
    frontal = float(np.clip(1.5 - 2.5 * abs(offset), 0.1, 1.0))
    return size * sharpness * frontal


def _crop_around(image: np.ndarray, matrix: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image that the aligned crop is taken from, and the matrix in that part's coordinates."""
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float64) @ inverse[:, :2].T + inverse[:, 2]
    low = np.floor(corners.min(axis=0)).astype(int) - 2
    high = np.ceil(corners.max(axis=0)).astype(int) + 2
    left, top = np.clip(low, 0, [image.shape[1] - 1, image.shape[0] - 1])
    right, bottom = np.clip(high, [left + 1, top + 1], [image.shape[1], image.shape[0]])
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ np.array([left, top], np.float64)
    return image[top:bottom, left:right], moved
