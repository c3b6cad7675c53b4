"""The loss of the face detector: which cells must find which face, and how wrong their scores, boxes and landmarks are.

A face belongs to the map whose stride suits its size and to the cells near its middle, whatever the network answers
(centre sampling: Tian et al., 2019). The sizes of neighbouring maps overlap, so that every face has cells whose target
is a score of 1. Targets that follow the network's own boxes (task alignment) taught it scores between 0.5 and 0.6 for
faces that two maps competed for.
"""

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from emorec.face.detector_net import STRIDES, decode

SIZES = dict(zip(STRIDES, ((0.0, 44.0), (34.0, 100.0), (76.0, float("inf"))), strict=True))
"""Sides of faces (pixels) from which and up to which a map is fully responsible."""

SIZE_MARGIN = 1.4  # factor outside these sizes at which a map's responsibility has fallen to none
FULL, NONE = 0.75, 1.5  # strides from a face's middle up to which the target is 1, and from which on it is 0
BOX_WEIGHT, LANDMARK_WEIGHT = 2.0, 6.0
BACKGROUND_WEIGHT = 0.75


def detection_loss(outputs: Sequence[torch.Tensor], faces: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
    """The sum of ``losses``."""
    return torch.stack(losses(outputs, faces, kind)).sum()


def losses(outputs: Sequence[torch.Tensor], faces: torch.Tensor, kind: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The losses of scores, boxes and landmarks of output maps on faces.

    faces (N, F, 14): left, top, right, bottom, landmarks, in pixels; ``kind`` (N, F), see ``Drawn``.
    """
    logits, boxes, points, places = decode([values.float() for values in outputs])
    with torch.no_grad():
        target, picture, cell, wanted = assign(places, faces, kind)
        skipped = _is_in_skipped(places, faces, kind) & (target == 0)
    weight = target.sum().clamp(min=1.0)
    focus = torch.where(target > 0, target, torch.sigmoid(logits.detach()).square() * BACKGROUND_WEIGHT)
    scores = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * focus
    scores = scores.masked_fill(skipped, 0.0).sum() / weight
    share = target[picture, cell]
    near = 1 - complete_overlap(boxes[picture, cell], wanted[:, :4])
    side = (wanted[:, 2:4] - wanted[:, :2]).prod(dim=1).sqrt()
    apart = (points[picture, cell].flatten(1) - wanted[:, 4:]) / side[:, None]
    apart = F.smooth_l1_loss(apart, torch.zeros_like(apart), beta=0.03, reduction="none").mean(dim=1)
    return scores, BOX_WEIGHT * (near * share).sum() / weight, LANDMARK_WEIGHT * (apart * share).sum() / weight


def assign(places: torch.Tensor, faces: torch.Tensor, kind: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The score that every cell must have (N, A), and the C cells that must find a face.

    These are given by picture (C), cell (C) and the face's row (C, 14). places (A, 3): centre and stride of each cell.
    """
    number, face = (kind == 1).nonzero(as_tuple=True)
    rows = faces[number, face]
    side = (rows[:, 2:4] - rows[:, :2]).clamp(min=1e-3).prod(dim=1).sqrt()[:, None]
    middle = (rows[:, :2] + rows[:, 2:4]) / 2
    apart = (places[None, :, :2] - middle[:, None]).abs().amax(dim=-1) / places[:, 2]
    responsible = torch.empty_like(apart)
    for stride, (low, high) in SIZES.items():
        outside = torch.maximum(low / side, side / high)
        falling = 1 - torch.log(outside.clamp(min=1.0)) / torch.log(torch.tensor(SIZE_MARGIN))
        responsible[:, places[:, 2] == stride] = falling.clamp(min=0.0)
    targets = responsible * ((NONE - apart) / (NONE - FULL)).clamp(0.0, 1.0)
    # A cell finds one face: the one that it is most responsible for, of equals the nearest, of these the first.
    preferred = targets - 0.01 * apart - 1e-5 * face[:, None]
    best = preferred.new_full((len(faces), len(places)), -torch.inf)
    best.scatter_reduce_(0, number[:, None].expand_as(preferred), preferred, "amax")
    which, cell = ((preferred == best[number]) & (targets > 0)).nonzero(as_tuple=True)
    target = targets.new_zeros(best.shape)
    target[number[which], cell] = targets[which, cell]
    return target, number[which], cell, rows[which]


def complete_overlap(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes (..., 4) less the distance of the middles and the difference of the shapes.

    Boxes are left, top, right, bottom. The measure is that of Zheng et al. (2020).
    """
    around = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    apart = ((first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2).square().sum(dim=-1)
    value = overlap(first, second)
    shape = [torch.atan((box[..., 2] - box[..., 0]) / (box[..., 3] - box[..., 1]).clamp(min=1e-6))
             for box in (first, second)]  # fmt: skip
    differ = (4 / torch.pi**2) * (shape[0] - shape[1]).square()
    with torch.no_grad():
        weight = differ / (1 - value + differ).clamp(min=1e-6)
    return value - apart / around.square().sum(dim=-1).clamp(min=1e-6) - weight * differ


def overlap(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes (..., 4) as left, top, right, bottom."""
    sides = torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])
    shared = sides.clamp(min=0).prod(dim=-1)
    return shared / (_area(first) + _area(second) - shared).clamp(min=1e-6)


def _area(box):
    return (box[..., 2:] - box[..., :2]).clamp(min=0).prod(dim=-1)


def _is_in_skipped(places, faces, kind):
    """Whether a cell's centre lies in the box of a face that is left out, (N, A)."""
    number, face = (kind == 2).nonzero(as_tuple=True)
    left, top, right, bottom = (faces[number, face, side, None] for side in range(4))
    x, y = places[:, 0], places[:, 1]
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    found = torch.zeros(len(faces), len(places), dtype=torch.int32)
    return found.index_add_(0, number, inside.int()) > 0
