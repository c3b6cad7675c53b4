"""How often a face is found, and how sure the network is, by the apparent lightness of skin.

python train/evaluation/skin.py CHECKPOINT PICTURES [YUNET.onnx]

A picture's face is the largest that the default detector, or the other one, finds in the enlarged picture.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np

from emorec import image
from emorec.errors import EmorecError
from emorec.face import detection
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained

REFERENCE_SIDE = 640  # pixels; pictures are enlarged to it for the detectors that say where the faces are
SMALL_SIDE = 96  # pixels; of pictures that are shrunk, so that their faces are harder to find
OVERLAP = 0.4  # intersection over union of two boxes of the same face
GROUPS = ("darkest third", "middle third", "lightest third")


def angle(picture: np.ndarray, landmarks: np.ndarray) -> float:
    """The individual typology angle (degrees; Chardon et al., 1991) of the skin of the forehead and between the eyes.

    Above 55 it is very light, below -30 dark. ``picture`` is RGB uint8; ``landmarks`` (5, 2) are in pixels. NaN if they
    lie outside the picture, or if the skin is grey or blue, as in coloured light.
    """
    (right, left), middle = landmarks[:2], landmarks[:2].mean(axis=0)
    across = left - right
    radius, pixels = max(1, round(0.15 * float(np.hypot(*across)))), []
    for x, y in (middle, middle + 0.45 * np.array([across[1], -across[0]])):
        row, column = max(0, round(float(y)) - radius), max(0, round(float(x)) - radius)
        pixels.append(picture[row : row + 2 * radius + 1, column : column + 2 * radius + 1].reshape(-1, 3))
    skin = np.concatenate(pixels)
    if not len(skin):
        return float("nan")
    lightness, _, yellow = np.median(cv2.cvtColor(skin[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0], axis=0)
    return float(np.degrees(np.arctan2(lightness - 50, yellow))) if yellow > 0 else float("nan")


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two boxes (left, top, width, height) are those of the same face."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    inside = np.prod(np.maximum(high - low, 0))
    return bool(inside > OVERLAP * (np.prod(one[2:]) + np.prod(other[2:]) - inside))


def measure(
    files: Iterable[Path], model: checkpoints.Checkpoint, detectors: Sequence[detection.Detector]
) -> np.ndarray:
    """One row for each picture with a face (N, 4): the angle of its skin, whether the first detector finds it, whether
    also in the small picture, and the confidence under the even prior (NaN if it is not found)."""
    rows = []
    for file in files:
        picture = image.read(file)
        size, scale = np.tile(picture.shape[1::-1], 2), REFERENCE_SIDE / max(picture.shape[:2])
        large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        faces = [face for detector in detectors for face in detector.detect(large, REFERENCE_SIDE)]
        if not faces:
            continue
        face = max(faces, key=lambda face: face.box[2] * face.box[3])
        found = image.recognise(picture, model, detectors[0])
        small = detectors[0].detect(picture, SMALL_SIDE)
        sure = [one.confidence for one in found if same(np.array(one.box) * size, face.box / scale)]
        seen = any(same(one.box, face.box / scale) for one in small)
        rows.append((angle(large, face.landmarks), bool(sure), seen, sure[0] if sure else np.nan))
    table = np.array(rows, float).reshape(-1, 4)
    return table[~np.isnan(table[:, 0])]


def main(arguments: Sequence[str]) -> None:
    try:
        checkpoint, pictures, *reference = arguments
        model = checkpoints.load(pretrained.resolve(checkpoint).folder)
        detectors = [detection.detector(file) for file in (pretrained.face_detector_file(), *map(Path, reference))]
        table = measure(sorted(Path(pictures).glob("*.[jp][pn]g")), model, detectors)
    except (EmorecError, ValueError) as error:
        sys.exit(f"{error}\n{__doc__}")
    print("group           faces  angle (degrees)   found  found at 96 px  confidence")
    for name, part in zip(GROUPS, np.array_split(table[np.argsort(table[:, 0])], len(GROUPS)), strict=True):
        found, small = part[:, 1:3].mean(axis=0)
        between = f"{part[0, 0]:6.1f} to {part[-1, 0]:5.1f}"
        print(f"{name:14}  {len(part):5}  {between}  {found:6.1%}  {small:14.1%}  {np.nanmean(part[:, 3]):10.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
