"""Face pictures for the identity network: aligned faces with a published face encoder's features, made only once."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from emorec.face import alignment
from emorec.face.detection import Detector, enlarge_small

SIDE = 96  # pixels of a packed face: as many as the network's input and a margin to move, turn and scale it in
SHARE = 2 / 3  # of that side which the network's input without augmentation takes up
TEACHER_SIDE = 224  # pixels of the encoder's input
TEACHER_BOX = 1.2  # sides of the face's box that it sees; of 1.0, 1.2 and 1.4 best on 70 people held out
TEACHER_FEATURES = "global_pooling/Mean"
FERPLUS_APART = 3  # of the small faces of FER+, of which there are many
CHOICE_SHARE = 0.4  # of the people held out, those whom the threshold is chosen on


@dataclass(frozen=True)
class Face:
    """A picture of one face, the person ("" if unknown) and the split that the person is in."""

    path: Path
    person: str
    split: str
    source: str


@dataclass(frozen=True)
class Packed:
    """Aligned grey ``crops`` uint8 (N, SIDE, SIDE), ``features`` (N, 1024) of the encoder, and facts of each face."""

    crops: np.ndarray
    features: np.ndarray
    persons: np.ndarray
    splits: np.ndarray
    sources: np.ndarray

    def of_split(self, split: str) -> Packed:
        """Those of one split."""
        rows = self.splits == split
        return Packed(self.crops[rows], self.features[rows], self.persons[rows], self.splits[rows], self.sources[rows])


def faces(data: Path) -> Iterator[Face]:
    """Every picture with a face, people held out first; "valid" people choose the threshold, "test" people report."""
    web = [
        Face(data / "WebFaces" / folder / row["image"], row["person"], _split(row), "web")
        for table, folder in (("labels.csv", "images"), ("crops.csv", "crops"))
        for row in csv.DictReader((data / "WebFaces" / table).read_text(encoding="utf-8").splitlines())
    ]
    yield from sorted(web, key=lambda face: face.split == "train")
    for file in sorted((data / "ColourFaces").glob("*.jpg")):
        yield Face(file, "", "train", "colour")
    for file in sorted((data / "FERPlus" / "FER2013Train").glob("*.png"))[::FERPLUS_APART]:
        yield Face(file, "", "train", "ferplus")


def load_packed(data: Path, detector: Detector, teacher: Path, cache: Path) -> Packed:
    """The faces that the detector finds, from the cache if they are there.

    Every source is stored by itself, so that a pass that was interrupted goes on with the next one.
    """
    cache.mkdir(parents=True, exist_ok=True)
    by_source: dict[str, list[Face]] = {}
    for face in faces(data):
        by_source.setdefault(face.source, []).append(face)
    parts = []
    for source, some in by_source.items():
        file = cache / f"{source}.npz"
        if not file.exists():
            partial = file.with_suffix(".partial.npz")
            np.savez(partial, allow_pickle=False, **_pack(some, detector, teacher))
            partial.replace(file)
        with np.load(file) as arrays:
            parts.append(dict(arrays))
    return Packed(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def wide_framing(size: int, share: float = SHARE) -> np.ndarray:
    """Where the landmarks (5, 2) lie in a picture of ``size`` pixels of which the aligned crop takes ``share``."""
    return (0.5 + (alignment.FRAMING - 0.5) * share) * size


def encoder(file: Path) -> onnxruntime.InferenceSession:
    """The published face encoder, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _pack(items: list[Face], detector: Detector, teacher: Path) -> dict[str, np.ndarray]:
    session = encoder(teacher)
    name = session.get_inputs()[0].name
    crops, features, kept = [], [], []
    for item in items:
        image = cv2.imread(str(item.path), cv2.IMREAD_COLOR)
        if image is None:
            continue
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        image = enlarge_small(image) if item.source == "ferplus" else image  # the detector finds no faces of 48 pixels
        found = detector.detect(image)
        if not found:
            continue
        face = max(found, key=lambda face: face.box[2] * face.box[3])
        matrix = alignment.similarity(face.landmarks, wide_framing(SIDE))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if (scale := float(np.hypot(matrix[0, 0], matrix[1, 0]))) < 1:
            # Averaged down first, as alignment does, because sampling alone would alias.
            grey = cv2.GaussianBlur(grey, (0, 0), 0.5 / scale)
        crops.append(
            cv2.warpAffine(grey, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )
        square = _around(image, face.box)[None].astype(np.float32)
        features.append(np.asarray(session.run([TEACHER_FEATURES], {name: square})[0])[0].astype(np.float16))
        kept.append(item)
        if len(kept) % 500 == 0:
            print(item.source, len(kept), "of", len(items), flush=True)
    return {
        "crops": np.array(crops, np.uint8).reshape(-1, SIDE, SIDE),
        "features": np.array(features, np.float16),
        "persons": np.array([item.person for item in kept]),
        "splits": np.array([item.split for item in kept]),
        "sources": np.array([item.source for item in kept]),
    }


def _around(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The square around a face's box that the encoder sees."""
    scale = TEACHER_SIDE / (TEACHER_BOX * float(box[2:].max()))
    shift = TEACHER_SIDE / 2 - scale * (box[:2] + box[2:] / 2)
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(
        image, matrix, (TEACHER_SIDE, TEACHER_SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _split(row: dict[str, str]) -> str:
    if row["split"] == "train":
        return "train"
    share = int(hashlib.sha256(row["person"].encode()).hexdigest()[:8], 16) / 2**32
    return "valid" if share < CHOICE_SHARE else "test"
