"""The last training of the face CNN: FER+ and faces of the press, aligned by the bundled detector and spoilt as in
videos.

Faces of the press have noisy labels, so half of each target is what the network itself says on average over several
views of the unspoilt face. Nearly all of them are neutral or happy: their own shares of emotions are added to the
logits in the loss (logit adjustment, Menon et al., 2021), so that the network keeps the shares of FER+.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from emorec.emotions import EMOTIONS, emotion_of, fold
from emorec.models.networks import FaceNet
from train import loop, metrics
from train.data import augment, datasets, pack, spoil
from train.recipes import face

RUN = "face-web"
PART = "face, with faces of the press"  # of the bundled weights, in their metadata
SCHEDULE = loop.Schedule(epochs=5, lr=1e-3, batch_size=128, weight_decay=0.05, ema_epochs=1.0, seed=3)
# Share of this training's weights in the mean with those before it; chosen on FER+ Valid.
SHARE = 0.5
MIXING = 0.75  # share of the training in which faces are mixed as in ``face.refine``; later only by mixup, and less
OWN_SHARE = 0.5  # share of the network's own opinion in the target of a face of the press
MAX_OFFSET = 3.0  # nats; of the difference between the shares of two sources
# Views of a face whose predictions are averaged: zoom, shift to the right and down as shares of half a side.
VIEWS = ((1.0, 0.0, 0.0), (0.92, 0.0, 0.0), (1.08, 0.0, 0.0), (1.0, 0.06, 0.06), (1.0, -0.06, -0.06))


@dataclass(frozen=True)
class Faces:
    """``crops`` uint8 (N, S, S), ``targets`` (N, 8) that sum to 1, and ``offsets`` (N, 8) of the logits."""

    crops: np.ndarray
    targets: np.ndarray
    offsets: np.ndarray


class Batches:
    """Faces with soft labels, shuffled in each epoch, spoilt, augmented and mixed; yields (crops, targets, offsets)."""

    def __init__(self, faces: Faces, schedule: loop.Schedule):
        self.crops = torch.from_numpy(faces.crops)
        # Offsets are blended as targets are.
        self.both = torch.from_numpy(np.concatenate([faces.targets, faces.offsets], axis=1).astype(np.float32))
        self.batch_size, self.mixed_epochs = schedule.batch_size, round(MIXING * schedule.epochs)

    def __len__(self) -> int:
        return len(self.crops) // self.batch_size

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        mixed = epoch < self.mixed_epochs
        order = torch.from_numpy(generator.permutation(len(self.crops)))
        for rows in order[: len(self) * self.batch_size].split(self.batch_size):
            crops = augment.faces(spoil.faces(self.crops[rows].unsqueeze(1).float() / 255))
            if mixed and generator.random() < 0.5:
                crops, both = augment.cutmix(crops, self.both[rows])
            else:
                crops, both = augment.mixup(crops, self.both[rows], face.REFINE_MIXUP if mixed else face.MIXUP)
            yield crops, *both.chunk(2, dim=1)


def train(
    data: Path,
    runs: Path,
    cache: Path,
    schedule: loop.Schedule = SCHEDULE,
    device: str = "cpu",
    resume: bool = False,
) -> FaceNet:
    """Train the network of the runs of ``face`` further in RUNS/face-web; return the FaceNet.

    Logs accuracy over the eight on FER+ Valid, and recall over seven there and over six on faces of the press.
    """
    net = face.trained(runs)
    faces = training_faces(data, net, cache)
    shares = faces.targets[~faces.offsets.any(axis=1)].mean(axis=0)
    valid = face.labelled(datasets.ferplus(data / "FERPlus", "valid"), net.config, cache)
    pictures = datasets.webfaces(data, "train")
    crops, rows = pack.web_crops(pictures, net.config.size, cache)
    named = np.array([EMOTIONS.index(emotion_of(pictures[row].label)) for row in rows])
    web = crops, np.where(named == EMOTIONS.index("disgust"), -1, named)  # of which there are two

    def loss_of(net, batch):
        crops, targets, offsets = batch
        return F.cross_entropy(net(crops).float() + offsets, targets, label_smoothing=face.SMOOTHING)

    def evaluate(net):
        eight = face.predict(net, valid[0])
        return {
            "valid": round(float((eight.argmax(1) == valid[1]).mean()), 4),
            "valid_recall": round(recall(eight, seven_of(valid[1]), shares), 4),
            "web_recall": round(recall(face.predict(net, web[0]), web[1], shares), 4),
        }

    settings = {"task": "face", "items": len(faces.crops), "persons": ["ferplus-train", "webfaces-crops"]}
    batches, folder = Batches(faces, schedule), runs / RUN
    return loop.fit(net, batches, loss_of, schedule, folder, evaluate, device, resume, RUN, settings)


def trained(runs: Path) -> FaceNet:
    """The mean of the weights of this training and of the network that it started from (Wortsman et al., 2022).

    If this training is not finished, the network that it starts from.
    """
    before = face.trained(runs)
    if loop.finished(runs / RUN) != SCHEDULE.epochs:
        return before
    after = loop.averaged(runs / RUN, FaceNet(face.CONFIG))
    old = before.state_dict()
    mean = {
        name: ((1 - SHARE) * old[name].double() + SHARE * tensor.double()).to(tensor.dtype)
        for name, tensor in after.state_dict().items()
    }
    after.load_state_dict(mean)
    return after.eval()


def training_faces(data: Path, net: FaceNet, cache: Path) -> Faces:
    """The faces of FER+ Train and of the press; ``net`` has its say in the targets of the latter."""
    items = datasets.ferplus(data / "FERPlus", "train")
    targets, usable = face.soft_labels(items)
    known = Faces(
        pack.face_crops(items, net.config.size, cache)[usable], targets[usable], np.zeros_like(targets[usable])
    )
    pictures = datasets.webface_crops(data)
    crops, rows = pack.web_crops(pictures, net.config.size, cache)
    named = np.array([datasets.FERPLUS_LABELS.index(pictures[row].label) for row in rows])
    digest = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in net.state_dict().values())).hexdigest()
    views = {"network": digest, "views": VIEWS, "size": net.config.size, "detector": pack.face_detector().name}
    own = pack.cached(cache, "opinions", pictures, views, lambda: {"own": opinion(net, crops)})["own"]
    web_targets = OWN_SHARE * own + (1 - OWN_SHARE) * np.eye(own.shape[1])[named]
    shares, web_shares = known.targets.mean(axis=0), web_targets.mean(axis=0)
    offset = np.clip(np.log(web_shares / np.maximum(shares, 1e-6)), -MAX_OFFSET, MAX_OFFSET)
    web = Faces(crops, web_targets, np.tile(offset, (len(crops), 1)))
    return Faces(
        np.concatenate([known.crops, web.crops]),
        np.concatenate([known.targets, web.targets]),
        np.concatenate([known.offsets, web.offsets]),
    )


def opinion(net: FaceNet, crops: np.ndarray) -> np.ndarray:
    """Probabilities (N, 8) of uint8 crops (N, S, S), averaged over VIEWS and their mirror images."""
    found = []
    for zoom, right, down in VIEWS:
        theta = torch.tensor([[[zoom, 0.0, right], [0.0, zoom, down]]])
        grid = F.affine_grid(theta, [1, 1, *crops.shape[1:]], align_corners=False)
        seen = [
            F.grid_sample(part.unsqueeze(1).float(), grid.expand(len(part), -1, -1, -1), padding_mode="border",
                          align_corners=False).round().byte().squeeze(1)
            for part in torch.from_numpy(crops).split(256)
        ]  # fmt: skip
        view = torch.cat(seen).numpy()
        found += [face.predict(net, view), face.predict(net, np.ascontiguousarray(view[:, :, ::-1]))]
    return np.mean(found, axis=0)


def seven_of(labels: np.ndarray) -> np.ndarray:
    """Labels (N,) of FER+ among the seven emotions, -1 for contempt."""
    native = [emotion_of(label) for label in datasets.FERPLUS_LABELS]
    return np.array([EMOTIONS.index(native[label]) if native[label] else -1 for label in labels])


def recall(eight: np.ndarray, truth: np.ndarray, shares: np.ndarray) -> float:
    """Unweighted average recall over the labels (N,) that are not negative, of probabilities (N, 8).

    The square root of the ``shares`` (8,) of the emotions in training is divided out; RECIPES.md says why.
    """
    rows = truth >= 0
    likely = fold(eight[rows] / np.sqrt(np.maximum(shares, 1e-6)), datasets.FERPLUS_LABELS)
    return metrics.recall(likely.argmax(1), truth[rows])
