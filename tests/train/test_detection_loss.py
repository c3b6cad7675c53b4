"""The loss of the face detector: which cells must find which face, and what wrong answers cost."""

import numpy as np
import pytest
import torch

from emorec.face.detector_net import STRIDES, DetectorNet, decode
from support.dotted_faces import draw, face
from train.recipes.detection_loss import assign, complete_overlap, detection_loss, losses, overlap


def perfect(rows, kind, size=128):
    """Output maps that say of every cell what the faces (1, F, 14) want of it."""
    maps = [torch.zeros(1, 15, size // stride, size // stride) for stride in STRIDES]
    logits, boxes, _, places = decode(maps)
    outputs = torch.zeros(1, len(places), 15)
    outputs[..., 0] = -9.0
    for row in rows[0][kind[0] == 1]:
        low, high = row[:2], row[2:4]
        inside = ((places[:, :2] - (low + high) / 2).abs().amax(dim=1) < 1.5 * places[:, 2]) & (places[:, 2] < 32)
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


def cells_of(size):
    return decode([torch.zeros(1, 15, size // stride, size // stride) for stride in STRIDES])[3]


def test_the_cells_that_must_find_a_face_are_near_its_middle():
    faces, kind = batch_of(face(20, 30, 50), face(90, 80, 24))
    places = cells_of(128)
    target, picture, cell, wanted = assign(places, faces, kind)
    assert (picture == 0).all() and (target[0, cell] > 0).all() and (target > 0).sum() == len(cell)
    for row in faces[0]:
        chosen = places[cell[(wanted == row).all(dim=1)]]
        apart = (chosen[:, :2] - (row[:2] + row[2:4]) / 2).abs() / chosen[:, 2:]
        assert len(chosen) >= 1 and (apart < 1.5).all()


@pytest.mark.parametrize("side", [10, 20, 36, 44, 50, 60, 70, 80, 100, 128, 160, 200, 300])
def test_a_face_of_every_size_has_a_cell_that_must_be_sure(side):
    places = cells_of(320)
    for left, top in ((3, 7), (8, 5), (12, 11)):
        faces, kind = batch_of(face(left, top, side))
        target, _, cell, _ = assign(places, faces, kind)
        assert target.max() == pytest.approx(1.0)
        # Large faces are not asked of the first map, whose cells see a small part of them, nor small ones of the last.
        strides = set(places[cell, 2].tolist())
        assert strides <= ({8, 16} if side < 50 else {16, 32} if side > 70 else {8, 16, 32})


def test_a_cell_finds_the_nearest_of_two_faces_and_one_picture_s_faces_are_not_another_s():
    first, kinds = batch_of(face(10, 40, 40), face(22, 40, 40))
    other, _ = batch_of(face(90, 90, 24), face(0, 0, 1))
    faces, kind = torch.cat([first, other]), torch.cat([kinds, torch.tensor([[1, 0]])])
    places = cells_of(128)
    target, picture, cell, wanted = assign(places, faces, kind)
    assert len(set(zip(picture.tolist(), cell.tolist(), strict=True))) == len(cell)
    for number, place, row in zip(picture, cell, wanted, strict=True):
        assert any(torch.equal(row, own) for own in faces[number])
        middles = (faces[number, :, :2] + faces[number, :, 2:4])[kind[number] == 1] / 2
        apart = (places[place, :2] - middles).abs().amax(dim=1)
        assert torch.equal(row, faces[number][kind[number] == 1][apart.argmin()])


def test_the_loss_is_small_only_for_the_right_answer():
    faces, kind = batch_of(face(20, 30, 50), face(90, 80, 24))
    right = perfect(faces, kind)
    scores, boxes, landmarks = losses(right, faces, kind)
    assert float(detection_loss(right, faces, kind)) == pytest.approx(float(scores + boxes + landmarks))
    assert float(boxes) == pytest.approx(0, abs=1e-4) and float(landmarks) == pytest.approx(0, abs=1e-4)
    moved = [values.clone() for values in right]
    for values in moved:
        values[:, 5:] += 0.5
    assert float(losses(moved, faces, kind)[2]) > 0.1
    shifted_boxes = [values.clone() for values in right]
    for values in shifted_boxes:
        values[:, 1:3] += 0.5
    assert float(losses(shifted_boxes, faces, kind)[1]) > 0.1


def test_cells_on_a_face_that_is_left_out_cost_nothing():
    faces, kind = batch_of(face(20, 30, 50), kinds=[1])
    outputs = perfect(faces, kind)
    left_out = torch.full_like(kind, 2)
    nothing = torch.zeros_like(kind)
    unsure = losses(outputs, faces, left_out)[0]
    wrong = losses(outputs, faces, nothing)[0]
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
    picture = torch.from_numpy(draw([row], 128, 128).transpose(2, 0, 1).copy())[None].float()
    faces, kind = batch_of(row)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    history = []
    for _ in range(100):
        parts = losses(net(picture), faces, kind)
        optimizer.zero_grad()
        torch.stack(parts).sum().backward()
        optimizer.step()
        history.append([float(part.detach()) for part in parts])
    assert history[-1][1] < history[0][1] / 2 and history[-1][2] < history[0][2] / 8  # boxes, landmarks
    with torch.no_grad():
        logits, boxes, points, _ = decode(net(picture))
    best = int(logits[0].argmax())
    assert float(overlap(boxes[0, best], faces[0, 0, :4])) > 0.7
    assert np.abs(points[0, best].numpy() - row[4:14].reshape(5, 2)).max() < 8
