"""The loss of the face detector: which cells answer for which face, and how far off their answers are.

Cells are assigned by how well they already find a face (task alignment: Feng et al., 2021), and their score is taught
to be the overlap of their box with the face's, so that the best box has the best score (Zhang et al., 2021).
"""

import torch
from torch.nn import functional as F

from emorec.face.detector_net import decode

SCORE_POWER, OVERLAP_POWER = 0.5, 4.0  # of what aligns a cell with a face
CELLS = 7  # at most, that answer for one face
NEAR = 1.0  # strides from a face's middle at which a cell may answer though it lies outside the box
BOX_WEIGHT, LANDMARK_WEIGHT = 2.0, 6.0


def detection_loss(outputs, faces: torch.Tensor, kind: torch.Tensor, parts: bool = False):
    """Loss of output maps on faces (N, F, 14) as left, top, right, bottom, landmarks; ``kind`` (N, F), see ``Drawn``.

    A scalar, or with ``parts`` the three losses (scores, boxes, landmarks) that it sums.
    """
    logits, boxes, points, places = decode([values.float() for values in outputs])
    with torch.no_grad():
        target, which = assign(logits, boxes, places, faces, kind)
        skipped = _inside(places, faces, kind == 2).any(dim=1) & (target == 0)
    weight = target.sum().clamp(min=1.0)
    focus = torch.where(target > 0, target, torch.sigmoid(logits.detach()).square() * 0.75)
    scores = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * focus
    scores = scores.masked_fill(skipped, 0.0).sum() / weight
    found = target > 0
    wanted = torch.gather(faces, 1, which[..., None].expand(-1, -1, faces.shape[2]))[found]
    near = (1 - complete_overlap(boxes[found], wanted[:, :4])) * target[found]
    side = (wanted[:, 2:4] - wanted[:, :2]).prod(dim=1).sqrt()
    apart = (points[found].flatten(1) - wanted[:, 4:]) / side[:, None]
    apart = F.smooth_l1_loss(apart, torch.zeros_like(apart), beta=0.03, reduction="none").mean(dim=1)
    losses = scores, BOX_WEIGHT * near.sum() / weight, LANDMARK_WEIGHT * (apart * target[found]).sum() / weight
    return losses if parts else sum(losses)


def assign(logits, boxes, places, faces, kind):
    """For every cell the score that it should have (N, A), 0 for none, and which face it answers for (N, A)."""
    count = faces.shape[1]
    real = kind == 1
    overlaps = overlap(boxes[:, None], faces[:, :, None, :4])  # (N, F, A)
    allowed = _inside(places, faces, real)
    middle = (faces[:, :, :2] + faces[:, :, 2:4]) / 2
    apart = (places[None, None, :, :2] - middle[:, :, None]).abs().amax(dim=-1)
    allowed |= (apart < NEAR * places[:, 2]) & real[..., None]
    # A stride that is out of proportion to a face does not answer for it: its cells see too much or too little.
    side = (faces[:, :, 2:4] - faces[:, :, :2]).clamp(min=1e-3).prod(dim=-1).sqrt()[..., None]
    allowed &= (side < 10 * places[:, 2]) & ((side > 0.8 * places[:, 2]) | (places[:, 2] == places[:, 2].min()))
    aligned = torch.sigmoid(logits)[:, None] ** SCORE_POWER * overlaps**OVERLAP_POWER
    # Before the boxes fit at all, the nearest cells answer.
    aligned = (aligned + 1e-9 / (1 + apart / side.clamp(min=1.0))) * allowed
    best = aligned.topk(min(CELLS, aligned.shape[2]), dim=2)
    chosen = torch.zeros_like(aligned).scatter(2, best.indices, best.values)
    value, which = chosen.max(dim=1)  # a cell answers for one face
    held = F.one_hot(which, count).transpose(1, 2) * chosen
    most = held.amax(dim=2, keepdim=True).clamp(min=1e-30)
    reached = (overlaps * (held > 0)).amax(dim=2, keepdim=True).clamp(min=0.1)
    target = (held / most * reached).amax(dim=1)
    return torch.where(value > 0, target, torch.zeros_like(target)), which


def overlap(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes (..., 4) as left, top, right, bottom."""
    sides = torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])
    shared = sides.clamp(min=0).prod(dim=-1)
    return shared / (_area(first) + _area(second) - shared).clamp(min=1e-6)


def complete_overlap(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Overlap less the distance of the middles and the difference of the shapes (Zheng et al., 2020)."""
    around = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    apart = ((first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2).square().sum(dim=-1)
    value = overlap(first, second)
    shape = [torch.atan((box[..., 2] - box[..., 0]) / (box[..., 3] - box[..., 1]).clamp(min=1e-6))
             for box in (first, second)]  # fmt: skip
    differ = (4 / torch.pi**2) * (shape[0] - shape[1]).square()
    with torch.no_grad():
        weight = differ / (1 - value + differ).clamp(min=1e-6)
    return value - apart / around.square().sum(dim=-1).clamp(min=1e-6) - weight * differ


def _area(box):
    return (box[..., 2:] - box[..., :2]).clamp(min=0).prod(dim=-1)


def _inside(places, faces, which):
    """Whether a cell's centre (A) lies in a face's box, (N, F, A), for the faces ``which`` (N, F)."""
    x, y = places[:, 0], places[:, 1]
    left, top, right, bottom = (faces[:, :, side, None] for side in range(4))
    return (x > left) & (x < right) & (y > top) & (y < bottom) & which[..., None]
