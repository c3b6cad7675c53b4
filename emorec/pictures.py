"""Still pictures: every face of one picture, and what it shows. The only room that knows Pillow."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from emorec import faces
from emorec import fusion as fusions
from emorec.emotions import EMOTIONS, fold
from emorec.errors import EmorecError
from emorec.seeing import encode_faces

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MOST_PIXELS = 100_000_000  # of a picture that is read at all
DETECTION_SIDE = 1280  # pixels; a single picture has time for small faces
SHOWN_SIDE = 1600  # pixels; the longer side of a picture that is shown again
SHOWN_QUALITY = 88  # of JPEG's 100


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
    """The picture in a file as uint8 RGB (H, W, 3), upright. Raises EmorecError where it is none that can be read."""
    name = Path(file).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; MOST_PIXELS is the limit here
            with Image.open(file, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > MOST_PIXELS:
                    raise EmorecError(
                        f"{name} has {width * height / 1e6:.0f} million pixels; "
                        f"give a picture of at most {MOST_PIXELS / 1e6:.0f} million."
                    )
                return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        raise EmorecError(
            f"{name} is not a picture that can be read; give a whole JPEG, PNG, WebP, BMP, GIF or TIFF file."
        ) from None


def recognise(image, model, detector):
    """A Reading of every face in an RGB image (H, W, 3) uint8, from left to right."""
    found = sorted(detector.detect(image), key=lambda face: face.box[0])
    if not found:
        return []
    crops = [faces.align(image, face.landmarks, model.face.config.size) for face in found]
    _, logits = encode_faces(model.face, np.stack(crops))
    native = fusions.softmax(logits.astype(np.float64))
    calibration = model.calibration
    opinions = fusions.opinion(fold(native, model.face.config.labels), calibration.face_scale, calibration.face_bias)
    height, width = image.shape[:2]
    size = np.array([width, height, width, height])
    return [
        Reading(_within(face.box / size), face.score, float(faces.quality(face, crop)), opinion)
        for face, crop, opinion in zip(found, crops, opinions, strict=True)
    ]


def detector(file):
    """A face detector for still pictures: YuNet where its file is given, else the Haar cascade."""
    return faces.YuNet(file, DETECTION_SIDE) if file else faces.Haar(DETECTION_SIDE)


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
