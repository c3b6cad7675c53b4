"""The pictures of ``detection_sources``, with the faces that the teacher (YuNet) finds in them, packed into arrays.

The teacher searches each picture in several sizes, also mirrored. What most of these searches find is a face; what
only some find is left out of the loss and of every count.
"""

import os
from pathlib import Path

import cv2
import numpy as np

from emorec.face.detection import YuNet
from train.data.detection_sources import pictures

SIDES = (160, 224, 320)  # pixels; longer side of the picture in each search of the teacher, which also mirrors it
EMPTY_SIDES = (320, 480)  # of pictures that show no face according to their source
FACE_SUPPORT = 0.5  # share of the searches that must find a face ...
SURE_SCORE = 0.85  # ... unless one of them scores as much as this
SAME_FACE = 0.4  # intersection over union of two boxes of one face
MIRRORED = [1, 0, 2, 4, 3]  # order of the landmarks of a mirrored face


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

    def numbers_of(self, split: str, sources: tuple[str, ...] | None = None) -> np.ndarray:
        """Numbers of the pictures of a split, of all sources or of those named."""
        chosen = self.split == split
        if sources is not None:
            chosen &= np.isin(self.source, sources)
        return np.flatnonzero(chosen)


def load_packed(data: Path, negatives: Path | None, teacher_file: Path, cache: Path) -> Packed:
    """The packed pictures in a cache folder; they are packed first if it has none.

    data: the folder with WebFaces, ColourFaces and JavaneseAV, with ``media`` beside it if there is one; negatives: a
    folder of pictures without faces.
    """
    if not (cache / "index.npz").is_file():
        _pack(data, negatives, YuNet(teacher_file), cache)
    return Packed(cache)


def find_labels(teacher: YuNet, image: np.ndarray, sides: tuple[int, ...] = SIDES) -> tuple[np.ndarray, np.ndarray]:
    """Faces in a picture as rows (N, 15) in pixels, means over the searches that find them; and which are left out."""
    found = []
    width = image.shape[1]
    for side in sides:
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
    return _merge_found(np.array(found, np.float32).reshape(-1, 15), 2 * len(sides))


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box (4,) and others (N, 4), all as left, top, width, height."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:4], boxes[:, :2] + boxes[:, 2:4])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    return shared / (box[2] * box[3] + boxes[:, 2] * boxes[:, 3] - shared)


def _merge_found(found, sides):
    rows, left_out = [], []
    found = found[np.argsort(-found[:, 14], kind="stable")]
    while len(found):
        same = overlap(found[0], found[:, :4]) >= SAME_FACE
        same[0] = True
        group, found = found[same], found[~same]
        row = np.average(group, axis=0, weights=group[:, 14])
        row[14] = group[:, 14].sum() / sides
        rows.append(row)
        left_out.append(len(group) < FACE_SUPPORT * sides and group[:, 14].max() < SURE_SCORE)
    return np.array(rows, np.float32).reshape(-1, 15), np.array(left_out, bool)


def _pack(data, negatives, teacher, cache):
    cache.mkdir(parents=True, exist_ok=True)
    columns = {name: [] for name in ("shape", "source", "split", "name", "rows", "left_out")}
    with open(cache / "pixels.bin", "wb") as pixels:
        for picture in pictures(data, negatives):
            empty = picture.source == "without"
            rows, left_out = find_labels(teacher, picture.image, EMPTY_SIDES if empty else SIDES)
            if empty:  # what few searches find is no face; the rest may be a drawn, carved or animal face
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
