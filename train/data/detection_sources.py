"""The pictures that the face detector is trained and measured on, each in the split of its people."""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

LONGEST_SIDE = 640  # pixels; larger pictures are shrunk to it

VALID_ACTORS, TEST_ACTORS = ("06",), ("08", "10")  # of the Javanese videos
CROPS_APART = 4  # every fourth of the cropped faces, which show little around them
FRAMES_APART = 20  # of the Javanese videos; of 30 a second
MEDIA_APART = 12
MEDIA = {
    "talking_head_12s.mp4": "train",
    "expressions_silent_20s.mp4": "train",
    "face_then_none.mov": "train",
    "talking_head_30s.mp4": "test",
    "street_41s.mp4": "test",
    "no_face.mp4": "test",
    "five_faces.jpg": "test",
}
NO_PICTURES = ("_nm", "_norm", "_n", "_sm", "_gm", "_spec", "_gloss")  # maps of surfaces in games
PICTURE_NAMES = (".jpg", ".jpeg", ".png", ".webp")
TILED_SIDE = 1600  # pixels; a larger picture without faces is shrunk to this and cut into pieces of LONGEST_SIDE
MIN_SIDE = 96  # pixels; smaller pictures without faces count as icons
MAX_PER_FOLDER = 200  # pictures without faces from one folder; otherwise games' textures would outnumber photographs


@dataclass(frozen=True)
class Picture:
    """One picture, the source it comes from, and the split that its people are in."""

    image: np.ndarray  # uint8 RGB (H, W, 3)
    source: str
    split: str
    name: str


def pictures(data: Path, negatives: Path | None) -> Iterator[Picture]:
    """Every picture of every source, one after the other."""
    for row in _table(data / "WebFaces" / "labels.csv"):
        split = "train" if row["split"] == "train" else _held_out(row["person"], 0.35)
        yield Picture(_read(data / "WebFaces" / "images" / row["image"]), "web", split, row["image"])
    for number, row in enumerate(_table(data / "WebFaces" / "crops.csv")):
        if row["split"] == "train" and number % CROPS_APART == 0:
            yield Picture(_read(data / "WebFaces" / "crops" / row["image"]), "crops", "train", row["image"])
    for file in sorted((data / "ColourFaces").glob("*.jpg")):
        yield Picture(_read(file), "colour", _split(file.name), file.name)
    for file in sorted((data / "JavaneseAV").rglob("*.mp4")):
        actor = file.stem.split("-")[0][-2:]
        split = "test" if actor in TEST_ACTORS else "valid" if actor in VALID_ACTORS else "train"
        yield from _frames(file, FRAMES_APART, "javanese", split)
    for name, split in MEDIA.items():
        file = data.parent / "media" / name
        if file.suffix == ".jpg" and file.is_file():
            yield Picture(_read(file), "media", split, name)
        elif file.is_file():
            yield from _frames(file, MEDIA_APART, "media", split)
    if negatives:
        yield from _without_faces(negatives)


def _frames(file, apart, source, split):
    with av.open(str(file)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % apart == 0:
                yield Picture(_at_most(frame.to_ndarray(format="rgb24")), source, split, f"{file.name}:{number}")


def _without_faces(folder):
    """Pictures of a folder and all below it, without those that cannot be read, icons and drawings with an outline."""
    counts = {}
    for file in sorted(folder.rglob("*"), key=lambda file: hashlib.sha1(file.name.encode()).digest()):
        if file.suffix.lower() not in PICTURE_NAMES or not file.is_file() or file.is_symlink():
            continue
        if file.stem.lower().endswith(NO_PICTURES):
            continue
        group = file.relative_to(folder).parts[0]
        if counts.get(group, 0) >= MAX_PER_FOLDER:
            continue
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if image is None or min(image.shape[:2]) < MIN_SIDE:
            continue
        counts[group] = counts.get(group, 0) + 1
        for piece in _pieces(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)):
            yield Picture(piece, "without", _split(file.name), file.name)


def _pieces(image):
    """The picture, and if it is large also its parts."""
    yield _at_most(image)
    if max(image.shape[:2]) >= TILED_SIDE:
        image = _at_most(image, TILED_SIDE)
        for top in range(0, image.shape[0] - LONGEST_SIDE // 2, LONGEST_SIDE):
            for left in range(0, image.shape[1] - LONGEST_SIDE // 2, LONGEST_SIDE):
                yield np.ascontiguousarray(image[top : top + LONGEST_SIDE, left : left + LONGEST_SIDE])


def _table(file):
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def _read(file):
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    assert image is not None, f"{file} cannot be read"
    return _at_most(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _at_most(image, side=LONGEST_SIDE):
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _split(name):
    """A split by a hash of a name: three quarters train."""
    return "train" if _fraction(name) < 0.75 else _held_out(name, 0.35)


def _held_out(name, valid):
    return "valid" if _fraction("held out " + name) < valid else "test"


def _fraction(name):
    return int(hashlib.sha1(name.encode()).hexdigest()[:8], 16) / 2**32
