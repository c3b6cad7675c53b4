"""What the face detector learns from: the teacher's answers, pictures in new places, and the loss on them."""

import cv2
import numpy as np
import pytest
import torch

from emorec.face.detection import Face
from emorec.face.detector_net import STRIDES, DetectorNet, decode
from train.data import detection_data, detection_mosaic
from train.data.detection_data import MIRRORED, Packed, labels
from train.data.detection_sources import Picture
from train.recipes import detector_evaluation as detection
from train.recipes.detection_loss import assign, complete_overlap, detection_loss, overlap
from train.recipes.detector import shifted

POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]  # of the landmarks that are drawn


def face(left, top, side, score=0.9):
    """A row (15,)."""
    return np.concatenate([[left, top, side, side], ((POINTS * side) + [left, top]).ravel(), [score]]).astype(
        np.float32
    )


def drawn(rows, width=160, height=120):
    """A grey picture with a dot of its own colour at each landmark."""
    picture = np.full((height, width, 3), 60, np.uint8)
    for row in rows:
        for (x, y), colour in zip(row[4:14].reshape(5, 2), COLOURS, strict=True):
            cv2.circle(picture, (round(float(x) - 0.5), round(float(y) - 0.5)), max(2, int(row[2] / 20)), colour, -1)
    return picture


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
    rows, left_out = labels(Teacher(), drawn([row]))
    assert left_out.tolist() == [False]
    assert rows[0, :14] == pytest.approx(row[:14], abs=1.5)
    assert rows[0, 14] == pytest.approx(0.8)


def test_a_face_found_in_few_sizes_is_left_out_unless_it_is_certain():
    picture = drawn([face(40, 20, 80)])
    min_side = max(detection_data.SIDES)
    assert labels(Teacher(min_side), picture)[1].tolist() == [True]
    assert labels(Teacher(min_side, score=0.95), picture)[1].tolist() == [False]
    assert len(labels(Teacher(10_000), picture)[0]) == 0


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Packed pictures: one of every kind of face, in every split, and one without faces."""
    pictures = []
    for split in ("train", "valid", "test"):
        for source in ("web", "colour", "javanese", "media"):
            pictures.append(Picture(drawn([face(40, 20, 80)]), source, split, source))
        pictures.append(Picture(np.full((100, 130, 3), 90, np.uint8), "without", split, "plain"))

    class Seeing(Teacher):
        def detect(self, image, side=None):
            return super().detect(image, side) if (image[..., 0] > 200).any() else []

    monkeypatch.setattr(detection_data, "YuNet", lambda file: Seeing())
    monkeypatch.setattr(detection_data, "pictures", lambda data, negatives: iter(pictures))
    detection_data.packed(tmp_path, None, tmp_path, tmp_path / "cache")
    return tmp_path / "cache"


def test_packed_pictures_are_what_was_packed(cache):
    packed = Packed(cache)
    assert len(packed) == 15
    assert len(packed.of("valid")) == 5 and len(packed.of("test", ("web", "media"))) == 2
    number = packed.of("train", ("colour",))[0]
    assert (packed.image(number) == drawn([face(40, 20, 80)])).all()
    assert packed.faces(number)[0][0, :4] == pytest.approx([40, 20, 80, 80], abs=1.5)
    plain = packed.of("train", ("without",))[0]
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
    drawn_batch = detection_mosaic.Mosaics(Packed(cache), 6, 60, sides=(128,)).batch(np.random.default_rng(0))
    assert drawn_batch.pictures.shape == (6, 3, 128, 128) and drawn_batch.pictures.dtype == torch.uint8
    assert drawn_batch.faces.shape[:2] == drawn_batch.kind.shape
    assert set(drawn_batch.kind.unique().tolist()) <= {0, 1, 2} and (drawn_batch.kind == 1).any()
    assert (drawn_batch.faces[drawn_batch.kind == 0] == 0).all()
    sides = drawn_batch.faces[..., 2:4] - drawn_batch.faces[..., :2]
    assert (sides[drawn_batch.kind > 0] > 0).all()


def perfect(rows, kind, size=128):
    """Output maps that say of every cell what the faces (1, F, 14) want of it."""
    maps = [torch.zeros(1, 15, size // stride, size // stride) for stride in STRIDES]
    logits, boxes, _, places = decode(maps)
    outputs = torch.zeros(1, len(places), 15)
    outputs[..., 0] = -9.0
    for row in rows[0][kind[0] == 1]:
        low, high = row[:2], row[2:4]
        inside = ((places[:, :2] > low) & (places[:, :2] < high)).all(dim=1)
        stride = places[inside, 2:]
        outputs[0, inside, 0] = 9.0
        outputs[0, inside, 1:3] = ((low + high) / 2 - places[inside, :2]) / stride
        outputs[0, inside, 3:5] = torch.log((high - low) / stride)
        outputs[0, inside, 5:] = (row[4:] - places[inside, :2].repeat(1, 5)) / stride
    counts = [(size // stride) ** 2 for stride in STRIDES]
    return [
        part.transpose(1, 2).reshape(1, 15, size // stride, size // stride)
        for part, stride in zip(outputs.split(counts, dim=1), STRIDES, strict=True)
    ]


def batch_of(*faces, kinds=None):
    rows = np.stack([np.concatenate([row[:2], row[:2] + row[2:4], row[4:14]]) for row in faces])
    return torch.from_numpy(rows)[None], torch.tensor([kinds or [1] * len(faces)])


def test_cells_that_answer_lie_on_the_face_and_the_right_box_is_wanted():
    faces, kind = batch_of(face(20, 30, 50), face(90, 80, 24))
    logits, boxes, _, places = decode(perfect(faces, kind))
    target, which = assign(logits, boxes, places, faces, kind)
    for number, row in enumerate(faces[0]):
        cells = places[(target[0] > 0) & (which[0] == number), :2]
        assert 1 <= len(cells) <= 7
        assert ((cells > row[:2] - 32) & (cells < row[2:4] + 32)).all()
    assert target.max() == pytest.approx(1.0, abs=1e-3)


def test_the_loss_is_small_only_for_the_right_answer():
    faces, kind = batch_of(face(20, 30, 50), face(90, 80, 24))
    right = perfect(faces, kind)
    scores, boxes, landmarks = detection_loss(right, faces, kind, parts=True)
    assert float(boxes) == pytest.approx(0, abs=1e-4) and float(landmarks) == pytest.approx(0, abs=1e-4)
    moved = [values.clone() for values in right]
    for values in moved:
        values[:, 5:] += 0.5
    assert float(detection_loss(moved, faces, kind, parts=True)[2]) > 0.1
    shifted_boxes = [values.clone() for values in right]
    for values in shifted_boxes:
        values[:, 1:3] += 0.5
    assert float(detection_loss(shifted_boxes, faces, kind, parts=True)[1]) > 0.1


def test_cells_on_a_face_that_is_left_out_cost_nothing():
    faces, kind = batch_of(face(20, 30, 50), kinds=[1])
    outputs = perfect(faces, kind)
    left_out = torch.full_like(kind, 2)
    nothing = torch.zeros_like(kind)
    unsure = detection_loss(outputs, faces, left_out, parts=True)[0]
    wrong = detection_loss(outputs, faces, nothing, parts=True)[0]
    assert float(unsure) < 0.01 < 1.0 < float(wrong)


def test_overlaps():
    first = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    assert float(overlap(first, torch.tensor([[5.0, 0.0, 15.0, 10.0]]))) == pytest.approx(1 / 3)
    assert float(complete_overlap(first, first)) == pytest.approx(1.0)
    near, far = torch.tensor([[20.0, 0.0, 30.0, 10.0]]), torch.tensor([[60.0, 0.0, 70.0, 10.0]])
    assert float(complete_overlap(first, far)) < float(complete_overlap(first, near)) < 0


def test_a_network_learns_one_face():
    """A hundred steps of the real loss: the best cell of an untrained network comes to lie on the face."""
    torch.manual_seed(0)
    net = DetectorNet()
    row = face(30, 30, 60)
    picture = torch.from_numpy(drawn([row], 128, 128).transpose(2, 0, 1).copy())[None].float()
    faces, kind = batch_of(row)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(100):
        parts = detection_loss(net(picture), faces, kind, parts=True)
        optimizer.zero_grad()
        sum(parts).backward()
        optimizer.step()
        losses.append([float(part.detach()) for part in parts])
    assert losses[-1][1] < losses[0][1] / 2 and losses[-1][2] < losses[0][2] / 8  # boxes, landmarks
    with torch.no_grad():
        logits, boxes, points, _ = decode(net(picture))
    best = int(logits[0].argmax())
    assert float(overlap(boxes[0, best], faces[0, 0, :4])) > 0.7
    assert np.abs(points[0, best].numpy() - row[4:14].reshape(5, 2)).max() < 8


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
    moved = shifted(weights, 0.25)
    for stride in STRIDES:
        bias = moved[f"read.{stride}.bias"]
        assert torch.sigmoid(bias[0] + np.log(0.25 / 0.75)) == pytest.approx(0.6) and (bias[1:] == 0).all()
    assert (moved["stem.bias"] == 0).all() and (weights["read.8.bias"] == 0).all()
