"""Still pictures: find every face in a picture and recognise its emotion."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from emorec.affect import valence_arousal
from emorec.emotions import EMOTIONS, fold
from emorec.extraction.arrays import as_picture
from emorec.extraction.faces import encode_faces
from emorec.face import alignment, detection
from emorec.face.confirmation import confirm
from emorec.face.detection import Detector
from emorec.inference import fusion as fusions
from emorec.inference import prior as priors
from emorec.inference.timeline import PriorLike
from emorec.media import sandbox
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import FaceNet

MAX_PIXELS = 100_000_000  # of a picture that is read at all
LONGEST_SIDE = 4096  # pixels; larger pictures are scaled down when they are read
READ_AT_ONCE = 2  # pictures; each may take a gigabyte of memory
DETECTION_SIDE = 1280  # pixels; larger than in a video, because one picture leaves time to find small faces
SHOWN_SIDE = 1600  # pixels; the longer side of a picture for a browser
SHOWN_QUALITY = 88  # of JPEG's 100

_reading = threading.BoundedSemaphore(READ_AT_ONCE)


@dataclass(frozen=True)
class FaceResult:
    """One face: ``box`` (left, top, width, height) as fractions of the picture, the detector's ``score`` and the
    ``quality`` of the face (both 0 to 1), and calibrated ``probabilities`` (7,)."""

    box: tuple[float, float, float, float]
    score: float
    quality: float
    probabilities: np.ndarray

    @property
    def dominant(self) -> str:
        """The most likely emotion."""
        return EMOTIONS[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The probability of the dominant emotion."""
        return float(self.probabilities.max())

    @property
    def valence(self) -> float:
        """From -1 (unpleasant) to 1 (pleasant), derived from ``probabilities``."""
        return float(valence_arousal(self.probabilities)[0])

    @property
    def arousal(self) -> float:
        """From -1 (calm) to 1 (excited), derived from ``probabilities``."""
        return float(valence_arousal(self.probabilities)[1])


def analyze(
    image: str | PathLike[str] | np.ndarray, model: Checkpoint, detector: Detector, prior: PriorLike = priors.STILL
) -> list[FaceResult]:
    """A FaceResult for every face in a picture file or an array, from left to right.

    An array is uint8, RGB (H, W, 3) or grey (H, W). Raises EmorecError for anything else.
    """
    picture = read(image) if isinstance(image, str | PathLike) else as_picture(image)
    return recognise(picture, model, detector, prior)


def read(file: str | PathLike[str]) -> np.ndarray:
    """The picture in a file as uint8 RGB (H, W, 3), upright, its longer side at most LONGEST_SIDE.

    It is decoded in another process, because a hostile file may crash the decoder. Raises EmorecError if it cannot be
    read as a picture.
    """
    with _reading:
        return sandbox.picture(Path(file), MAX_PIXELS, LONGEST_SIDE)


def recognise(
    image: np.ndarray, model: Checkpoint, detector: Detector, prior: PriorLike = priors.STILL
) -> list[FaceResult]:
    """A FaceResult for every face in an RGB image (H, W, 3) uint8, from left to right, under a prior
    (``prior.resolve_for_still``).

    Raises EmorecError for an unknown prior, and for "adaptive".
    """
    expected = priors.resolve_for_still(prior)
    image = detection.enlarge_small(image)
    with detection.CV_THREADS.held():
        found = confirm(image, detector.detect(image), detector)
        found.sort(key=lambda face: float(face.box[0]))
    if not found:
        return []
    crops = [alignment.align(image, face.landmarks, model.face.config.size) for face in found]
    native = predict_stills(model.face, np.stack(crops))
    likelihoods = model.calibration.still.log_likelihood(fold(native, model.face.config.labels))
    probabilities = priors.posterior(likelihoods, expected.log)
    height, width = image.shape[:2]
    size = np.array([width, height, width, height])
    return [
        FaceResult(_clipped(face.box / size), face.score, float(alignment.quality(face, crop)), each)
        for face, crop, each in zip(found, crops, probabilities, strict=True)
    ]


def boxes(image: np.ndarray, detector: Detector) -> list[tuple[float, float, float, float]]:
    """The boxes (left, top, width, height, fractions) of all that may be faces in an RGB image (H, W, 3) uint8.

    They include doubtful ones, which ``recognise`` leaves out: to hide faces, one too many is better than one too few.
    """
    image = detection.enlarge_small(image)
    height, width = image.shape[:2]
    with detection.CV_THREADS.held():
        return [_clipped(face.box / [width, height, width, height]) for face in detector.detect(image)]


def predict_stills(net: FaceNet, crops: np.ndarray) -> np.ndarray:
    """Grey crops uint8 (N, S, S) of faces in still pictures -> probabilities (N, labels) float64, not calibrated.

    They are the geometric mean of the network's outputs for a face and for its mirror image. Recordings do not need
    this, because they have many views of a face.
    """
    _, logits = encode_faces(net, np.concatenate([crops, crops[:, :, ::-1]]))
    plain, mirrored = np.log(fusions.softmax(logits.astype(np.float64))).reshape(2, len(crops), -1)
    return fusions.softmax((plain + mirrored) / 2)


def detector(file: Path | None) -> Detector:
    """A face detector for still pictures, of a file or the bundled one."""
    return detection.detector(file, DETECTION_SIDE)


def jpeg(image: np.ndarray) -> bytes:
    """An RGB image (H, W, 3) uint8 as JPEG, which every browser shows, at most SHOWN_SIDE pixels wide or high."""
    picture = Image.fromarray(image)
    picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=SHOWN_QUALITY)
    return out.getvalue()


def _clipped(box: np.ndarray) -> tuple[float, float, float, float]:
    """The part of a box (left, top, width, height, fractions) that lies within the picture."""
    low = np.clip(box[:2], 0.0, 1.0)
    high = np.clip(box[:2] + box[2:], 0.0, 1.0)
    left, top, width, height = (float(value) for value in np.round([*low, *(high - low)], 4))
    return left, top, width, height
