"""Face detectors: each turns an image into faces with boxes, landmarks and scores."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from emorec.errors import EmorecError
from emorec.face import detector as detector_runtime
from emorec.face import yunet
from emorec.face.detector_net import MULTIPLE
from emorec.prefetch import OneThread

# Feature extraction has its own threads, and OpenCV's thread pool would slow them down. The number of threads is
# that of the whole process, so it is set to one only during extraction: a program that imports emorec may need its own.
CV_THREADS = OneThread(cv2.getNumThreads, cv2.setNumThreads)

DETECTION_SIDE = 320  # pixels; the longer side of the image that the detector sees
MIN_SIDE = 64  # pixels; smaller images are padded to it
# Pixels; smaller pictures are enlarged to it, because the detector misses faces of a few pixels. In pictures of FER+
# Valid, of 48 pixels, it finds 97.6 % of the faces at 144 and 96.2 % at 192 pixels.
SMALLEST_SIDE = 144
SCORE_THRESHOLD = 0.6  # training shifts the logits of the bundled detector so that a face counts from here on
NMS_THRESHOLD = 0.3  # intersection over union above which two boxes count as one face

BUNDLED = Path(__file__).parents[1] / "weights" / "face_detector.safetensors"


@dataclass(frozen=True)
class Face:
    """One face in one image. ``box`` is (left, top, width, height) and ``landmarks`` (5, 2), both in pixels."""

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class Detector(Protocol):
    """A face detector. ``name`` is what people and caches know it by."""

    name: str

    def detect(self, image: np.ndarray, side: int | None = None) -> list[Face]:
        """Faces in an RGB image uint8 (H, W, 3), most certain first.

        The image is shrunk to a longer side of ``side`` pixels before detection (None: the detector's default).
        """
        ...


class YuNet:
    """YuNet (Wu, Peng and Yu, 2023; 75 k parameters), run by onnxruntime, or by OpenCV if onnxruntime cannot."""

    name = "YuNet"

    def __init__(self, file: Path, side: int = DETECTION_SIDE):
        """Raises EmorecError if ``file`` is not a face detector that OpenCV can load."""
        try:
            self._network = yunet.load(file)
            if self._network is None:
                self._detector = cv2.FaceDetectorYN.create(str(file), "", (side, side), SCORE_THRESHOLD, NMS_THRESHOLD)
        except (OSError, cv2.error):
            raise EmorecError(
                f"{file} is not a face detector that OpenCV can load; is it YuNet's .onnx file?"
            ) from None
        self._side = side

    def detect(self, image: np.ndarray, side: int | None = None) -> list[Face]:
        """See ``Detector.detect``."""
        small, scale = _shrink(image, side or self._side)
        rows = self._run_opencv(small) if self._network is None else self._run_onnxruntime(self._network, small)
        faces = [Face(row[:4] / scale, row[4:14].reshape(5, 2) / scale, float(row[14])) for row in rows]
        return sorted(faces, key=lambda face: -face.score)

    @staticmethod
    def _run_onnxruntime(network: yunet.Session, image: np.ndarray) -> np.ndarray:
        blue_first = np.ascontiguousarray(planes(image)[:, ::-1])  # as YuNet takes it
        return yunet.detect(network, blue_first, SCORE_THRESHOLD, NMS_THRESHOLD)

    def _run_opencv(self, image: np.ndarray) -> np.ndarray:
        # On images of a few rows or columns OpenCV reads memory outside the image.
        height, width = image.shape[:2]
        right, bottom = max(0, MIN_SIDE - width), max(0, MIN_SIDE - height)
        image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        _, rows = self._detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        return np.zeros((0, 15), np.float32) if rows is None else rows


class BundledDetector:
    """The detector that comes with emorec (148 k parameters, trained on YuNet's answers), run by onnxruntime."""

    def __init__(self, file: Path = BUNDLED, side: int = DETECTION_SIDE):
        """Raises EmorecError if ``file`` does not hold the weights of this detector."""
        try:
            self._network = detector_runtime.load(file)
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        except (OSError, ValueError):
            raise EmorecError(f"{file} does not hold the weights of emorec's face detector.") from None
        self.name = f"emorec {digest[:8]}"  # other weights find other faces, which the cache must not mix up
        self._side = side

    def detect(self, image: np.ndarray, side: int | None = None) -> list[Face]:
        """See ``Detector.detect``."""
        small, scale = _shrink(image, side or self._side)
        rows = detector_runtime.detect(self._network, planes(small), SCORE_THRESHOLD, NMS_THRESHOLD)
        return [Face(row[:4] / scale, row[4:14].reshape(5, 2) / scale, float(row[14])) for row in rows]


def detector(file: Path | None, side: int = DETECTION_SIDE) -> Detector:
    """The detector in a file: emorec's own (.safetensors) or YuNet (.onnx); without a file the bundled one.

    Raises EmorecError if the file cannot be used.
    """
    if file is None:
        return BundledDetector(side=side)
    return BundledDetector(file, side) if file.suffix == ".safetensors" else YuNet(file, side)


def enlarge_small(image: np.ndarray) -> np.ndarray:
    """An image (H, W) or (H, W, 3) whose longer side is at least SMALLEST_SIDE pixels."""
    scale = SMALLEST_SIDE / max(image.shape[:2])
    return image if scale <= 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def planes(image: np.ndarray) -> np.ndarray:
    """Red, green and blue of an image uint8 (H, W, 3) as float32 (1, 3, H', W'), black up to multiples of MULTIPLE."""
    height, width = image.shape[:2]
    filled = np.zeros((1, 3, height + -height % MULTIPLE, width + -width % MULTIPLE), np.float32)
    for plane, colour in zip(filled[0], cv2.split(image), strict=True):
        plane[:height, :width] = colour
    return filled


def _shrink(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The image with its longer side at most ``side`` pixels, and the factor by which it was shrunk."""
    scale = side / max(image.shape[:2])
    if scale >= 1.0:
        return image, 1.0
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale
