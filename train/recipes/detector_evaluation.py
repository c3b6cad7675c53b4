"""Compare the bundled face detector with YuNet on people and files that it never saw.

python -m train.recipes.detector_evaluation --data DATA --teacher YUNET.onnx --weights FILE --cache DIR [--split test]
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from emorec.face import detector, yunet
from emorec.face.detection import DETECTION_SIDE, NMS_THRESHOLD, SCORE_THRESHOLD, planes
from train.data.detection_corruption import corrupt
from train.data.detection_data import Packed, load_packed, overlap
from train.data.detection_mosaic import Mosaics, paste, transform_faces

Finder = Callable[[np.ndarray, float], np.ndarray]  # RGB uint8 (H, W, 3), least score -> rows (N, 15), best first

MIN_SCORE = 0.02  # of the boxes that are counted, to find the score at which both detectors make as many errors
SAME = 0.5  # intersection over union from which a box is that face's
UNSURE = 0.3  # overlap with a face that is left out, from which a box is neither right nor wrong
SMALL_SIDES = (64, 96, 160)  # pixels; longer side of whole pictures that are searched in a canvas of DETECTION_SIDE
MOSAICS = 150
TIMED = 300  # pictures


@dataclass(frozen=True)
class Case:
    """A picture to search: its faces as rows (N, 15) in pixels and which of them do not count."""

    image: np.ndarray
    rows: np.ndarray
    left_out: np.ndarray


@dataclass(frozen=True)
class Found:
    """What a detector finds in the pictures of one kind.

    ``scores`` of boxes and whether each is ``right``; ``faces`` that could be found in ``pictures``; ``errors`` of the
    landmarks of right boxes as (N, 5, 2) in sides of the face, beside the ``right_scores`` of their boxes.
    """

    scores: np.ndarray
    right: np.ndarray
    faces: int
    pictures: int
    errors: np.ndarray
    right_scores: np.ndarray

    def recall(self, threshold: float) -> float:
        """Share of the faces found with at least this score."""
        return float((self.right & (self.scores >= threshold)).sum()) / max(self.faces, 1)

    def false_positives(self, threshold: float) -> int:
        """Number of boxes with at least this score that are no face."""
        return int((~self.right & (self.scores >= threshold)).sum())


def cases(pictures: Packed, split: str) -> dict[str, list[Case]]:
    """Everything that is searched, by kind: as stored, shrunk, as mosaics, corrupted, and without faces."""
    found = {
        "pictures": [_stored(pictures, number) for number in pictures.numbers_of(split, ("web", "colour"))],
        "frames": [_stored(pictures, number) for number in pictures.numbers_of(split, ("javanese", "media"))],
    }
    small = pictures.numbers_of(split, ("web", "colour", "javanese", "media"))
    for side in SMALL_SIDES:
        found[f"at {side} px"] = [_shrunk(pictures, number, side) for number in small[:: max(1, len(small) // 400)]]
    random = np.random.default_rng(0)
    drawn = Mosaics(pictures, 1, 1, (DETECTION_SIDE,), split)
    found["mosaics"] = [Case(*drawn.mosaic(DETECTION_SIDE, random)) for _ in range(MOSAICS)]
    corrupted = [_stored(pictures, number) for number in small[:: max(1, len(small) // 400)]]
    found["spoilt"] = [
        Case(corrupt(case.image.copy(), random, case.rows), case.rows, case.left_out) for case in corrupted
    ]
    empty = [number for number in pictures.numbers_of(split, ("without",)) if not len(pictures.faces(number)[0])]
    found["without faces"] = [_stored(pictures, number) for number in empty]
    return found


def search(finder: Finder, searched: list[Case]) -> Found:
    """What a detector finds in pictures, compared with the faces that are there."""
    scores, right, errors, right_scores, faces = [], [], [], [], 0
    for case in searched:
        rows = finder(case.image, MIN_SCORE)
        wanted, unsure = case.rows[~case.left_out], case.rows[case.left_out]
        faces += len(wanted)
        free = np.ones(len(wanted), bool)
        for row in rows:
            shared = overlap(row[:4], wanted[:, :4]) * free
            if len(shared) and shared.max() >= SAME:
                face = wanted[(which := int(shared.argmax()))]
                free[which] = False
                apart = (row[4:14] - face[4:14]).reshape(5, 2)
                errors.append(apart / np.sqrt(face[2] * face[3]))
                right_scores.append(row[14])
            elif len(unsure) and (overlap(row[:4], unsure[:, :4]).max() >= UNSURE or _is_covered(row, unsure)):
                continue
            scores.append(row[14])
            right.append(len(shared) > 0 and shared.max() >= SAME)
    return Found(
        np.array(scores), np.array(right, bool), faces, len(searched),
        np.array(errors, np.float32).reshape(-1, 5, 2), np.array(right_scores),
    )  # fmt: skip


def equal_threshold(found: dict[str, Found], allowed: int) -> float:
    """The lowest score at which a detector has at most so many false positives in pictures of all kinds together."""
    wrong = np.sort(np.concatenate([kind.scores[~kind.right] for kind in found.values()]))[::-1]
    return float(wrong[allowed]) + 1e-6 if len(wrong) > allowed else MIN_SCORE


def summary(found: dict[str, Found], threshold: float) -> dict:
    """Recall by kind and over all faces, false positives a picture, and errors of the landmarks (sides of the face)."""
    faces = sum(kind.faces for kind in found.values())
    errors = np.concatenate([kind.errors[kind.right_scores >= threshold] for kind in found.values()])
    errors = errors if len(errors) else np.full((1, 5, 2), np.inf, np.float32)
    return {
        "threshold": round(threshold, 4),
        "recall": {name: round(100 * kind.recall(threshold), 2) for name, kind in found.items() if kind.faces},
        "recall, all": round(100 * sum(kind.recall(threshold) * kind.faces for kind in found.values()) / faces, 2),
        "mean recall of kinds": round(
            float(np.mean([100 * kind.recall(threshold) for kind in found.values() if kind.faces])), 2
        ),
        "false positives": {name: kind.false_positives(threshold) for name, kind in found.items()},
        "false positives a picture": round(
            sum(kind.false_positives(threshold) for kind in found.values())
            / sum(kind.pictures for kind in found.values()), 4
        ),
        "landmarks, median": round(100 * float(np.median(np.linalg.norm(errors, axis=2).mean(axis=1))), 2),
        "landmarks, bias": (100 * errors.mean(axis=0)).round(2).tolist(),
    }  # fmt: skip


def compare(teacher: Finder, own: Finder, searched: dict[str, list[Case]], threshold: float | None = None) -> dict:
    """Both detectors on the same pictures; ours at a threshold, by default that of as many false positives."""
    theirs = {name: search(teacher, kind) for name, kind in searched.items()}
    ours = {name: search(own, kind) for name, kind in searched.items()}
    allowed = sum(kind.false_positives(SCORE_THRESHOLD) for kind in theirs.values())
    equal = equal_threshold(ours, allowed)
    result = {
        "pictures": {name: [kind.pictures, kind.faces] for name, kind in theirs.items()},
        "YuNet": summary(theirs, SCORE_THRESHOLD),
        "ours, as many false positives": summary(ours, equal),
    }
    return result if threshold is None else result | {"ours": summary(ours, threshold)}


def teacher_finder(file: Path) -> Finder:
    """YuNet as it runs in the project."""
    session = yunet.load(file)
    assert session is not None, f"{file} is not the published YuNet"
    return lambda image, lowest: yunet.detect(session, planes(image)[:, ::-1], max(lowest, 0.3), NMS_THRESHOLD)


def own_finder(session) -> Finder:
    """The bundled detector as it runs in the project."""
    return lambda image, lowest: detector.detect(session, planes(image), lowest, NMS_THRESHOLD)


def milliseconds(finders: dict[str, Finder], image: np.ndarray) -> dict[str, float]:
    """Median time (ms) per picture of each detector; they run in turns."""
    times = {name: [] for name in finders}
    for _ in range(TIMED):
        for name, finder in finders.items():
            started = time.perf_counter()
            finder(image, SCORE_THRESHOLD)
            times[name].append(time.perf_counter() - started)
    return {name: round(1000 * float(np.median(values)), 3) for name, values in times.items()}


def _stored(pictures, number):
    return _shrunk(pictures, number, DETECTION_SIDE)


def _shrunk(pictures, number, side):
    """A picture whose longer side is at most ``side``; a smaller one than DETECTION_SIDE lies in a black canvas."""
    image, (rows, left_out) = pictures.image(number), pictures.faces(number)
    scale = min(1.0, side / max(image.shape[:2]))
    size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
    if side == DETECTION_SIDE:
        image = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        rows = rows.copy()
        rows[:, :14] *= scale
        return Case(image, rows, left_out)
    canvas = np.zeros((DETECTION_SIDE * 9 // 16, DETECTION_SIDE, 3), np.uint8)
    random = np.random.default_rng(number)
    corner = random.uniform(0, 1, 2) * (np.array(canvas.shape[1::-1]) - size)
    matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
    paste(canvas, image, matrix)
    return Case(canvas, *transform_faces(rows, left_out, matrix, np.array([scale, scale]), False, canvas.shape))


def _is_covered(row, unsure):
    """Whether a box's middle lies in a face that is left out."""
    middle = row[:2] + row[2:4] / 2
    return bool(((middle > unsure[:, :2]) & (middle < unsure[:, :2] + unsure[:, 2:4])).all(axis=1).any())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--negatives", type=Path, help="a folder of pictures without faces")
    parser.add_argument("--teacher", type=Path, required=True, help="YuNet's file")
    parser.add_argument("--weights", type=Path, required=True, help="the detector's safetensors file")
    parser.add_argument("--cache", type=Path, required=True, help="a folder for the packed pictures")
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    pictures = load_packed(options.data, options.negatives, options.teacher, options.cache)
    finders = {"YuNet": teacher_finder(options.teacher), "ours": own_finder(detector.load(options.weights))}
    searched = cases(pictures, options.split)
    result = compare(finders["YuNet"], finders["ours"], searched, SCORE_THRESHOLD)
    frame = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    paste(frame, searched["frames"][0].image, np.array([[0.6, 0, 60.0], [0, 0.6, 10.0]]))
    print(json.dumps(result | {"ms at 320x180": milliseconds(finders, frame)}, indent=1))


if __name__ == "__main__":
    main()
