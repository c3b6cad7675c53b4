"""Pictures for the face detector, with the faces that the teacher (YuNet) finds in them, packed into arrays.

The teacher looks at each picture in several sizes and mirrored. What most of these looks agree on is a face; what only
some see is left out of the loss and of every count.
"""

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from emorec.face.detection import YuNet

SPLITS = ("train", "valid", "test")
LONGEST_SIDE = 640  # pixels; larger pictures are shrunk to it
LOOKS = (160, 224, 320)  # pixels; longer side of the picture in each look of the teacher, which also mirrors it
EMPTY_LOOKS = (320, 480)  # of pictures that show no face as far as their source says
FACE_SUPPORT = 0.5  # share of the looks that find a face which is taken for one ...
SURE_SCORE = 0.85  # ... unless one of them scores as much as this
SAME_FACE = 0.4  # intersection over union of two looks' boxes of one face
MIRRORED = [1, 0, 2, 4, 3]  # order of the landmarks of a mirrored face

VALID_ACTORS, TEST_ACTORS = ("06",), ("08", "10")  # of the Javanese videos
CROPS_APART = 4  # of the cut-out faces, which show little around them
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
LEAST_SIDE = 96  # pixels; smaller pictures without faces are icons
MOST_PER_FOLDER = 200  # pictures without faces from one folder, or games' textures would outnumber photographs


@dataclass(frozen=True)
class Picture:
    """One picture, the source it comes from, and the split that its people are in."""

    image: np.ndarray  # uint8 RGB (H, W, 3)
    source: str
    split: str
    name: str


class Packed:
    """Packed pictures: ``image(i)``, ``faces(i)`` as rows (N, 15) and whether each is to be left out."""

    def __init__(self, folder: Path):
        with np.load(folder / "index.npz", allow_pickle=False) as index:
            self.offset, self.shape, self.first = index["offset"], index["shape"], index["first"]
            self.rows, self.left_out = index["rows"], index["left_out"]
            self.source, self.split, self.name = index["source"], index["split"], index["name"]
        self._pixels = np.memmap(folder / "pixels.bin", np.uint8, "r")

    def __len__(self):
        return len(self.offset)

    def image(self, number: int) -> np.ndarray:
        """Picture ``number`` as uint8 RGB (H, W, 3)."""
        height, width = self.shape[number]
        start = self.offset[number]
        return np.asarray(self._pixels[start : start + height * width * 3]).reshape(height, width, 3)

    def faces(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows (N, 15) as left, top, width, height, landmarks, score in pixels; and which are left out, (N,) bool."""
        part = slice(self.first[number], self.first[number + 1])
        return self.rows[part], self.left_out[part]

    def of(self, split: str, sources: tuple[str, ...] | None = None) -> np.ndarray:
        """Numbers of the pictures of a split, of all sources or of those named."""
        chosen = self.split == split
        if sources is not None:
            chosen &= np.isin(self.source, sources)
        return np.flatnonzero(chosen)


def packed(data: Path, negatives: Path | None, teacher_file: Path, cache: Path) -> Packed:
    """The packed pictures in a cache folder; they are packed first when it has none.

    data: the folder with WebFaces, ColourFaces and JavaneseAV, with ``media`` beside it if there is one; negatives: a
    folder of pictures without faces.
    """
    if not (cache / "index.npz").is_file():
        _pack(data, negatives, YuNet(teacher_file), cache)
    return Packed(cache)


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


def labels(teacher: YuNet, image: np.ndarray, looks: tuple[int, ...] = LOOKS) -> tuple[np.ndarray, np.ndarray]:
    """Faces in a picture as rows (N, 15) in pixels, means over the looks that find them; and which are left out."""
    found = []
    width = image.shape[1]
    for side in looks:
        scale = side / max(image.shape[:2])
        size = (max(1, round(width * scale)), max(1, round(image.shape[0] * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        for mirrored in (False, True):
            for face in teacher.detect(np.ascontiguousarray(small[:, ::-1]) if mirrored else small, side):
                box, points = face.box / scale, face.landmarks / scale
                if mirrored:
                    box = np.array([width - box[0] - box[2], box[1], box[2], box[3]])
                    points = (points * [-1, 1] + [width, 0])[MIRRORED]
                found.append(np.concatenate([box, points.ravel(), [face.score]]))
    return _agreed(np.array(found, np.float32).reshape(-1, 15), 2 * len(looks))


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,) and others (N, 4), all as left, top, width, height."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:4], boxes[:, :2] + boxes[:, 2:4])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / (box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - shared)


def _agreed(found, looks):
    rows, left_out = [], []
    found = found[np.argsort(-found[:, 14], kind="stable")]
    while len(found):
        same = overlap(found[0], found[:, :4]) >= SAME_FACE
        same[0] = True
        group, found = found[same], found[~same]
        row = np.average(group, axis=0, weights=group[:, 14])
        row[14] = group[:, 14].sum() / looks
        rows.append(row)
        left_out.append(len(group) < FACE_SUPPORT * looks and group[:, 14].max() < SURE_SCORE)
    return np.array(rows, np.float32).reshape(-1, 15), np.array(left_out, bool)


def _pack(data, negatives, teacher, cache):
    cache.mkdir(parents=True, exist_ok=True)
    columns = {name: [] for name in ("shape", "source", "split", "name", "rows", "left_out")}
    with open(cache / "pixels.bin", "wb") as pixels:
        for picture in pictures(data, negatives):
            empty = picture.source == "without"
            rows, left_out = labels(teacher, picture.image, EMPTY_LOOKS if empty else LOOKS)
            if empty:  # what few looks find is no face; the rest may be one that is drawn, carved or of an animal
                rows, left_out = rows[~left_out], np.ones((~left_out).sum(), bool)
            pixels.write(picture.image.tobytes())
            values = (picture.image.shape[:2], picture.source, picture.split, picture.name, rows, left_out)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
    shape = np.array(columns["shape"], np.int64)
    sizes = shape.prod(axis=1) * 3
    partial = cache / "partial.npz"
    np.savez(
        partial,
        offset=np.concatenate([[0], np.cumsum(sizes)[:-1]]),
        shape=shape,
        first=np.concatenate([[0], np.cumsum([len(rows) for rows in columns["rows"]])]),
        rows=np.concatenate(columns["rows"]),
        left_out=np.concatenate(columns["left_out"]),
        source=np.array(columns["source"]),
        split=np.array(columns["split"]),
        name=np.array(columns["name"]),
    )
    os.replace(partial, cache / "index.npz")


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
        if counts.get(group, 0) >= MOST_PER_FOLDER:
            continue
        image = cv2.imread(str(file), cv2.IMREAD_COLOR)
        if image is None or min(image.shape[:2]) < LEAST_SIDE:
            continue
        counts[group] = counts.get(group, 0) + 1
        for piece in _pieces(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)):
            yield Picture(piece, "without", _split(file.name), file.name)


def _pieces(image):
    """The picture, and of a large one its parts, too."""
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
