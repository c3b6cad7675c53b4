"""What the face detector learns from: the teacher's answers, pictures in new places, and the loss on them."""

import numpy as np
import pytest
import torch

from emorec.face.detection import Face
from emorec.face.detector_net import STRIDES
from support.dotted_faces import COLOURS, POINTS, draw, face
from train.data import detection_data, detection_mosaic
from train.data.detection_data import MIRRORED, Packed, find_labels
from train.data.detection_sources import Picture
from train.recipes import detector_evaluation as detection
from train.recipes.detector import shift_threshold


class Teacher:
    """Finds the dots of one face; in a picture whose side is less than ``min_side`` it finds nothing."""

    def __init__(self, min_side=0, score=0.8):
        self.min_side, self.score = min_side, score

    def detect(self, image, side=None):
        if side < self.min_side:
            return []
        points = []
        for colour in COLOURS:
            distance = np.abs(image.astype(int) - colour).sum(axis=2)
            y, x = np.nonzero(distance < 120)
            points.append([x.mean() + 0.5, y.mean() + 0.5])
        points = np.array(points)
        # A real teacher names landmarks by where they are in the picture, mirrored or not.
        if points[0, 0] > points[1, 0]:
            points = points[MIRRORED]
        side = (points[1, 0] - points[0, 0]) / 0.4
        corner = points[0] - POINTS[0] * side
        return [Face(np.array([*corner, side, side]), points, self.score)]


def test_labels_are_the_mean_over_all_sizes_in_pixels_of_the_picture():
    row = face(40, 20, 80)
    rows, left_out = find_labels(Teacher(), draw([row]))
    assert left_out.tolist() == [False]
    assert rows[0, :14] == pytest.approx(row[:14], abs=1.5)
    assert rows[0, 14] == pytest.approx(0.8)


def test_a_face_found_in_few_sizes_is_left_out_unless_it_is_certain():
    picture = draw([face(40, 20, 80)])
    min_side = max(detection_data.SIDES)
    assert find_labels(Teacher(min_side), picture)[1].tolist() == [True]
    assert find_labels(Teacher(min_side, score=0.95), picture)[1].tolist() == [False]
    assert len(find_labels(Teacher(10_000), picture)[0]) == 0


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Packed pictures: one of every kind of face, in every split, and one without faces."""
    pictures = []
    for split in ("train", "valid", "test"):
        for source in ("web", "colour", "javanese", "media"):
            pictures.append(Picture(draw([face(40, 20, 80)]), source, split, source))
        pictures.append(Picture(np.full((100, 130, 3), 90, np.uint8), "without", split, "plain"))

    class Seeing(Teacher):
        def detect(self, image, side=None):
            return super().detect(image, side) if (image[..., 0] > 200).any() else []

    monkeypatch.setattr(detection_data, "YuNet", lambda file: Seeing())
    monkeypatch.setattr(detection_data, "pictures", lambda data, negatives: iter(pictures))
    detection_data.load_packed(tmp_path, None, tmp_path, tmp_path / "cache")
    return tmp_path / "cache"


def test_packed_pictures_are_what_was_packed(cache):
    packed = Packed(cache)
    assert len(packed) == 15
    assert len(packed.numbers_of("valid")) == 5 and len(packed.numbers_of("test", ("web", "media"))) == 2
    number = packed.numbers_of("train", ("colour",))[0]
    assert (packed.image(number) == draw([face(40, 20, 80)])).all()
    assert packed.faces(number)[0][0, :4] == pytest.approx([40, 20, 80, 80], abs=1.5)
    plain = packed.numbers_of("train", ("without",))[0]
    assert packed.image(plain).shape == (100, 130, 3) and len(packed.faces(plain)[0]) == 0


def test_landmarks_stay_on_what_they_mark_in_new_places(cache, monkeypatch):
    """Turned, mirrored, shrunk and pasted into mosaics: each landmark's colour is found where the label says."""
    monkeypatch.setattr(detection_mosaic, "corrupt", lambda picture, random, rows: picture)
    mosaics = detection_mosaic.Mosaics(Packed(cache), 1, 1)
    random = np.random.default_rng(5)
    seen = mirrored = 0
    for _ in range(60):
        picture, rows, left_out = mosaics.draw(256, random)
        for row in rows[~left_out]:
            points = row[4:14].reshape(5, 2)
            if row[2] < 40 or (points < 3).any() or (points > 252).any():
                continue
            found = [tuple(int(value) for value in picture[int(y), int(x)]) for x, y in points]
            near = [int(np.argmin([np.abs(np.subtract(value, colour)).sum() for colour in COLOURS])) for value in found]
            assert near in ([0, 1, 2, 3, 4], MIRRORED)
            mirrored += near == MIRRORED
            seen += 1
    assert seen > 40 and 0.2 < mirrored / seen < 0.8


def test_a_batch_holds_every_face_once(cache):
    drawn_batch = detection_mosaic.Mosaics(Packed(cache), 6, 60, sides=(128,)).batch(128, np.random.default_rng(0))
    assert drawn_batch.pictures.shape == (6, 3, 128, 128) and drawn_batch.pictures.dtype == torch.uint8
    assert drawn_batch.faces.shape[:2] == drawn_batch.kind.shape
    assert set(drawn_batch.kind.unique().tolist()) <= {0, 1, 2} and (drawn_batch.kind == 1).any()
    assert (drawn_batch.faces[drawn_batch.kind == 0] == 0).all()
    sides = drawn_batch.faces[..., 2:4] - drawn_batch.faces[..., :2]
    assert (sides[drawn_batch.kind > 0] > 0).all()


def test_a_picture_comes_again_mirrored_with_its_faces(cache):
    mosaics = detection_mosaic.Mosaics(Packed(cache), 4, 400, sides=(96,))
    random, pool = np.random.default_rng(1), []
    seen = [mosaics.batch(96, random, pool) for _ in range(20)]
    assert 8 <= len(pool) < 20 * 4 * 0.7
    kept = {item[0].tobytes() for item in pool} | {np.ascontiguousarray(item[0][:, ::-1]).tobytes() for item in pool}
    for batch in seen:
        for picture in batch.pictures.numpy():
            assert np.ascontiguousarray(picture.transpose(1, 2, 0)).tobytes() in kept


def test_mirrored_faces_have_their_landmarks_in_order():
    row = face(20, 30, 50)
    picture, rows, _ = detection_mosaic.mirror(draw([row], 128, 128), row[None], np.array([False]))
    for (x, y), colour in zip(rows[0, 4:14].reshape(5, 2)[MIRRORED], COLOURS, strict=True):
        assert np.abs(picture[int(y), int(x)].astype(int) - colour).max() < 20
    again = detection_mosaic.mirror(picture, rows, np.array([False]))
    assert again[1] == pytest.approx(row[None]) and (again[0] == draw([row], 128, 128)).all()


def case(*rows, left_out=None):
    rows = np.stack(rows) if rows else np.zeros((0, 15), np.float32)
    return detection.Case(np.zeros((100, 200, 3), np.uint8), rows, np.array(left_out or [False] * len(rows), bool))


def test_faces_found_missed_and_invented_are_counted():
    answers = iter([
        np.stack([face(11, 10, 40, 0.9), face(12, 12, 40, 0.7), face(150, 40, 30, 0.8)]),
        np.stack([face(100, 10, 40, 0.95)]),
        np.zeros((0, 15), np.float32),
    ])  # fmt: skip
    cases = [
        case(face(10, 10, 40)),  # found, found twice, and one invented
        case(face(100, 10, 40), left_out=[True]),  # neither right nor wrong
        case(face(20, 20, 50)),  # missed
    ]
    found = detection.search(lambda image, min_side: next(answers), cases)
    assert (found.faces, found.pictures) == (2, 3)
    assert found.recall(0.5) == 0.5 and found.recall(0.91) == 0.0
    assert found.false_positives(0.5) == 2 and found.false_positives(0.75) == 1 and found.false_positives(0.85) == 0
    assert found.errors[0] == pytest.approx(np.tile([1 / 40, 0], (5, 1)), abs=1e-6)
    assert detection.equal_threshold({"all": found}, 2) == detection.MIN_SCORE
    assert 0.7 < detection.equal_threshold({"all": found}, 1) < 0.8
    assert 0.8 < detection.equal_threshold({"all": found}, 0) < 0.9
    summary = detection.summary({"all": found}, 0.5)
    assert summary["recall, all"] == 50.0 and summary["false positives a picture"] == pytest.approx(2 / 3, abs=1e-3)
    assert summary["landmarks, median"] == pytest.approx(2.5)


def test_a_moved_threshold_moves_every_score_alike():
    weights = {f"read.{stride}.bias": torch.zeros(15) for stride in STRIDES} | {"stem.bias": torch.zeros(16)}
    moved = shift_threshold(weights, 0.25)
    for stride in STRIDES:
        bias = moved[f"read.{stride}.bias"]
        assert torch.sigmoid(bias[0] + np.log(0.25 / 0.75)) == pytest.approx(0.6) and (bias[1:] == 0).all()
    assert (moved["stem.bias"] == 0).all() and (weights["read.8.bias"] == 0).all()
