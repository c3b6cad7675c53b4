"""Faces: detection and alignment to the framing that the training images have. The only room that knows cv2."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emorec.errors import EmorecError
from emorec.face import yunet
from emorec.media.video import full_range
from emorec.prefetch import OneThread

# Stage 1 brings its own threads; OpenCV's pool on top of them slows both down. Held while it runs, for the number is
# the whole process's, and a program that imports emorec may have one of its own.
CV_THREADS = OneThread(cv2.getNumThreads, cv2.setNumThreads)

# Where the face CNN's training images hold right eye, left eye (as the viewer sees them: left and right), nose tip
# and the two corners of the mouth, as fractions of the image's side. Means over the faces that YuNet finds in
# FER+ Train enlarged four times; `python train/evaluation/framing.py FERPLUS_FOLDER` measures them again.
FRAMING = np.array([[0.310, 0.374], [0.674, 0.375], [0.488, 0.585], [0.352, 0.751], [0.640, 0.751]], dtype=np.float32)

DETECTION_SIDE = 320  # pixels; the longer side of the image that the detector sees
SMALLEST_SIDE = 64  # pixels; smaller pictures are padded to it
SCORE_THRESHOLD = 0.6
NMS_THRESHOLD = 0.3
FULL_SIZE = 64.0  # pixels; height of a face's box above which more pixels tell the face CNN nothing new
FULL_SHARPNESS = 0.0015  # variance of the Laplacian of a crop in [0, 1] that an unblurred face reaches

# The fallback detector finds no landmarks. A box of OpenCV's frontal Haar cascade around a face that is framed as
# FRAMING says lies at this left, top, width, height (fractions of the side; medians over the same FER+ pictures).
HAAR_FRAMING = np.array([0.033, 0.024, 0.931, 0.931], dtype=np.float32)
HAAR_FILE = "haarcascade_frontalface_alt2.xml"
HAAR_SCORE = 0.6  # the cascade gives no score; its boxes count as barely accepted ones


@dataclass(frozen=True)
class Face:
    """One face in one image. ``box`` is (left, top, width, height) and ``landmarks`` (5, 2), both in pixels."""

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class YuNet:
    """Wu, Peng and Yu, 2023: 75 k parameters that find faces; run by OpenCV where onnxruntime cannot run the file."""

    name = "YuNet"

    def __init__(self, file: Path, side=DETECTION_SIDE):
        try:
            self._network = yunet.load(file)
            if self._network is None:
                self._detector = cv2.FaceDetectorYN.create(str(file), "", (side, side), SCORE_THRESHOLD, NMS_THRESHOLD)
        except (OSError, cv2.error):
            raise EmorecError(f"{file} is no face detector that OpenCV can load; is it YuNet's .onnx file?") from None
        self._side = side

    def detect(self, image, side=None):
        """Faces in an RGB image (H, W, 3) uint8, best first; ``side`` (px) is the longer one that it is shrunk to."""
        small, scale = _shrink(image, side or self._side)
        rows = self._by_opencv(small) if self._network is None else self._by_onnxruntime(small)
        faces = [Face(row[:4] / scale, row[4:14].reshape(5, 2) / scale, float(row[14])) for row in rows]
        return sorted(faces, key=lambda face: -face.score)

    def _by_onnxruntime(self, image):
        height, width = image.shape[:2]
        planes = np.zeros((1, 3, height + -height % yunet.SIDES, width + -width % yunet.SIDES), np.float32)
        for plane, colour in zip(planes[0, ::-1], cv2.split(image), strict=True):
            plane[:height, :width] = colour
        return yunet.detect(self._network, planes, SCORE_THRESHOLD, NMS_THRESHOLD)

    def _by_opencv(self, image):
        # On pictures of a few rows or columns OpenCV reads memory that is not its own.
        height, width = image.shape[:2]
        right, bottom = max(0, SMALLEST_SIDE - width), max(0, SMALLEST_SIDE - height)
        image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
        self._detector.setInputSize(image.shape[1::-1])
        _, rows = self._detector.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        return [] if rows is None else rows


class Haar:
    """Viola and Jones, 2001: OpenCV's bundled cascade, for when YuNet's file cannot be had. Frontal faces only."""

    name = "Haar cascade"

    def __init__(self, side=DETECTION_SIDE):
        self._cascade = cv2.CascadeClassifier(cv2.data.haarcascades + HAAR_FILE)
        self._side = side

    def detect(self, image, side=None):
        """As ``YuNet.detect``, largest first; landmarks are where FRAMING would have them."""
        small, scale = _shrink(image, side or self._side)
        boxes = self._cascade.detectMultiScale(
            cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), scaleFactor=1.1, minNeighbors=5, minSize=(20, 20)
        )
        faces = []
        for box in sorted(boxes, key=lambda box: -box[2]):
            box = np.asarray(box, np.float32) / scale
            side = box[2:] / HAAR_FRAMING[2:]
            landmarks = box[:2] - HAAR_FRAMING[:2] * side + FRAMING * side
            faces.append(Face(box, landmarks, HAAR_SCORE))
        return faces


def detector(file):
    """YuNet where its file is given, else the Haar cascade."""
    return YuNet(file) if file else Haar()


def quality(face, crop):
    """How much a face can tell, 0 to 1: the product of its size, sharpness and how far it looks into the camera."""
    size = min(1.0, float(face.box[3]) / FULL_SIZE)
    sharpness = min(1.0, float(cv2.Laplacian(crop / 255.0, cv2.CV_64F).var()) / FULL_SHARPNESS)
    eyes, nose = face.landmarks[:2], face.landmarks[2]
    apart = max(float(np.hypot(*(eyes[1] - eyes[0]))), 1e-6)
    along = float((nose - eyes.mean(axis=0)) @ (eyes[1] - eyes[0])) / apart**2
    frontal = float(np.clip(1.5 - 2.5 * abs(along), 0.1, 1.0))
    return size * sharpness * frontal


def align(image, landmarks, size, limited=False):
    """Cut a face out so that its landmarks lie as in the training images.

    image uint8 RGB (H, W, 3) or grey (H, W), the latter from 16 to 235 if ``limited``; landmarks (5, 2) in pixels ->
    grey uint8 (size, size). The similarity (shift, turn, scale) is the least-squares one of Umeyama, 1991. Outside the
    image its border repeats.
    """
    matrix = similarity(landmarks, FRAMING * size)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    image, matrix = _crop_around(image, matrix, size)
    if limited:
        image = full_range(image)
    if scale < 1.0:
        # Shrinking by sampling alone would alias: the region is first averaged down to about the final size.
        height, width = image.shape[:2]
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, target, interpolation=cv2.INTER_AREA)
        back = np.diag([width / target[0], height / target[1], 1.0])
        # Pixel centres, not corners, are what warpAffine's coordinates mean.
        back[:2, 2] = (np.array([width / target[0], height / target[1]]) - 1) / 2
        matrix = matrix @ back
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def similarity(source, target):
    """The 2x3 matrix of the shift, turn and scale that brings points (N, 2) closest to others, in least squares."""
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    spread = max((a**2).sum(), 1e-12)
    cosine = (a * b).sum() / spread
    sine = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])


def _crop_around(image, matrix, size):
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


def _shrink(image, side):
    """The image with its longer side at most ``side`` pixels, and the factor it was shrunk by."""
    scale = side / max(image.shape[:2])
    if scale >= 1.0:
        return image, 1.0
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale
