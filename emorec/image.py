"""Still pictures: every face of one picture, and what it shows."""

import io
import threading
from dataclasses import dataclass

import numpy as np
from PIL import Image

from emorec.emotions import EMOTIONS, fold
from emorec.extraction.faces import encode_faces
from emorec.face import alignment, detection
from emorec.inference import fusion as fusions
from emorec.inference import prior as priors
from emorec.media import sandbox

MOST_PIXELS = 100_000_000  # of a picture that is read at all
LONGEST_SIDE = 4096  # pixels; larger pictures are shrunk while they are read
READ_AT_ONCE = 2  # each may take a gigabyte
DETECTION_SIDE = 1280  # pixels; a single picture has time for small faces
SHOWN_SIDE = 1600  # pixels; the longer side of a picture that is shown again
SHOWN_QUALITY = 88  # of JPEG's 100

_reading = threading.BoundedSemaphore(READ_AT_ONCE)


@dataclass(frozen=True)
class Reading:
    """One face: ``box`` (left, top, width, height) in fractions of the picture, calibrated ``probabilities`` (7,)."""

    box: tuple
    score: float
    quality: float
    probabilities: np.ndarray

    @property
    def dominant(self):
        """The likeliest emotion."""
        return EMOTIONS[int(self.probabilities.argmax())]

    @property
    def confidence(self):
        """Its probability."""
        return float(self.probabilities.max())


def read(file):
    """The picture in a file as uint8 RGB (H, W, 3), upright, its longer side at most LONGEST_SIDE.

    It is decoded in another process, which a hostile file may bring down. Raises EmorecError where it is none that can
    be read.
    """
    with _reading:
        return sandbox.picture(file, MOST_PIXELS, LONGEST_SIDE)


def recognise(image, model, detector, prior=priors.STILL):
    """A Reading of every face in an RGB image (H, W, 3) uint8, from left to right, under a prior (``prior.of``)."""
    with detection.CV_THREADS.held():
        found = sorted(detector.detect(image), key=lambda face: face.box[0])
    if not found:
        return []
    crops = [alignment.align(image, face.landmarks, model.face.config.size) for face in found]
    _, logits = encode_faces(model.face, np.stack(crops))
    native = fusions.softmax(logits.astype(np.float64))
    likelihoods = model.calibration.still.log_likelihood(fold(native, model.face.config.labels))
    opinions = priors.posterior(likelihoods, priors.of(prior).log)
    height, width = image.shape[:2]
    size = np.array([width, height, width, height])
    return [
        Reading(_within(face.box / size), face.score, float(alignment.quality(face, crop)), opinion)
        for face, crop, opinion in zip(found, crops, opinions, strict=True)
    ]


def detector(file):
    """A face detector for still pictures: YuNet where its file is given, else the Haar cascade."""
    return detection.YuNet(file, DETECTION_SIDE) if file else detection.Haar(DETECTION_SIDE)


def jpeg(image):
    """An RGB image as JPEG bytes that every browser shows, at most SHOWN_SIDE pixels wide or high."""
    picture = Image.fromarray(image)
    picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=SHOWN_QUALITY)
    return out.getvalue()


def _within(box):
    """The part of a box that lies in the picture."""
    low = np.clip(box[:2], 0.0, 1.0)
    high = np.clip(box[:2] + box[2:], 0.0, 1.0)
    return tuple(float(value) for value in np.round([*low, *(high - low)], 4))
