"""Recipe of the face CNN: FER+ with its votes as soft labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from emorec.models.config import FaceConfig
from emorec.models.networks import FaceNet
from train import loop
from train.data import augment, datasets, pack

SCHEDULE = loop.Schedule(epochs=22, lr=4e-3, batch_size=128, weight_decay=0.05)
# Further trainings, each starting from the network of the one before, with stronger mixing of faces.
REFINE_SCHEDULES = (
    loop.Schedule(epochs=22, lr=3e-3, batch_size=128, weight_decay=0.05, ema_epochs=1.0, seed=1),
    loop.Schedule(epochs=12, lr=2e-3, batch_size=128, weight_decay=0.05, ema_epochs=1.0, seed=2),
)
SMOOTHING = 0.03
MIXUP = 0.2  # parameter of the Beta distribution of the share by which two faces are blended
REFINE_MIXUP = 0.4
RUNS = ("face", "face-refined", "face-refined-2")  # the folders of the trainings
CONFIG = FaceConfig(labels=datasets.FERPLUS_LABELS)


class Batches:
    """FER+ pictures with soft labels, shuffled in each epoch.

    Batches are blended by mixup; with ``cut`` half of them by CutMix.
    """

    def __init__(
        self, crops: np.ndarray, targets: np.ndarray, batch_size: int, mixup: float = MIXUP, cut: bool = False
    ):
        self.crops, self.targets, self.batch_size = torch.from_numpy(crops), torch.from_numpy(targets), batch_size
        self.mixup, self.cut = mixup, cut

    def __len__(self) -> int:
        return len(self.crops) // self.batch_size

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        order = torch.from_numpy(generator.permutation(len(self.crops)))
        for rows in order[: len(self) * self.batch_size].split(self.batch_size):
            crops = augment.faces(self.crops[rows].unsqueeze(1).float() / 255)
            if self.cut and generator.random() < 0.5:
                yield augment.cutmix(crops, self.targets[rows])
            else:
                yield augment.mixup(crops, self.targets[rows], self.mixup)


def soft_labels(items: Sequence[datasets.Item]) -> tuple[np.ndarray, np.ndarray]:
    """Votes as distributions over the eight emotions (N, 8), and which items are usable (N,) bool.

    Single votes are dropped as noise; pictures with most votes for "unknown" or "not a face" are not usable.
    """
    votes = np.array([item.votes for item in items], np.float32)
    votes[votes <= 1] = 0
    emotions = len(datasets.FERPLUS_LABELS)
    usable = (votes[:, :emotions].sum(1) > 0) & (votes.argmax(1) < emotions)
    total = votes[:, :emotions].sum(1, keepdims=True)
    return votes[:, :emotions] / np.maximum(total, 1), usable


def train(
    data: Path,
    folder: Path,
    cache: Path,
    schedule: loop.Schedule = SCHEDULE,
    device: str = "cpu",
    resume: bool = False,
) -> FaceNet:
    """Train on FER+ Train, log accuracy on Valid after each epoch, return the FaceNet."""
    return _train(data, FaceNet(CONFIG), folder, cache, schedule, device, resume, {}, MIXUP, cut=False)


def refine(
    data: Path,
    runs: Path,
    cache: Path,
    number: int,
    schedule: loop.Schedule | None = None,
    device: str = "cpu",
    resume: bool = False,
) -> FaceNet:
    """Train the network of ``RUNS[number]`` further in the next folder, also with CutMix; return the FaceNet."""
    net = loop.load_averaged(runs / RUNS[number], FaceNet(CONFIG))
    settings = {"mixup": REFINE_MIXUP, "cutmix": True}
    schedule, folder = schedule or REFINE_SCHEDULES[number], runs / RUNS[number + 1]
    return _train(data, net, folder, cache, schedule, device, resume, settings, REFINE_MIXUP, cut=True)


def _train(data, net, folder, cache, schedule, device, resume, settings, mixup, cut):
    items = datasets.ferplus(data / "FERPlus", "train")
    targets, usable = soft_labels(items)
    crops = pack.face_crops(items, CONFIG.size, cache)
    batches = Batches(crops[usable], targets[usable], schedule.batch_size, mixup, cut)
    valid = load_labelled(datasets.ferplus(data / "FERPlus", "valid"), CONFIG, cache)

    def loss_of(net, batch):
        crops, targets = batch
        return F.cross_entropy(net(crops).float(), targets, label_smoothing=SMOOTHING)

    def evaluate(net):
        return {"valid": round(float((predict(net, valid[0]).argmax(1) == valid[1]).mean()), 4)}

    settings = {"task": "face", "items": int(usable.sum()), "persons": ["ferplus-train"]} | settings
    return loop.fit(net, batches, loss_of, schedule, folder, evaluate, device, resume, folder.name, settings)


def load_trained(runs: Path) -> FaceNet:
    """The face network of the last finished training in a folder of runs."""
    last, *refined = RUNS
    for run, schedule in zip(refined, REFINE_SCHEDULES, strict=True):
        if loop.finished_epochs(runs / run) != schedule.epochs:
            break
        last = run
    return loop.load_averaged(runs / last, FaceNet(CONFIG))


def load_labelled(items: Sequence[datasets.Item], config: FaceConfig, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Crops and majority labels of the items that have a majority: (N, S, S) uint8, (N,) int."""
    crops = pack.face_crops(items, config.size, cache)
    labelled_rows = np.array([bool(item.label) for item in items])
    return crops[labelled_rows], np.array([config.labels.index(item.label) for item in items if item.label])


def predict(net: FaceNet, crops: np.ndarray) -> np.ndarray:
    """Probabilities (N, labels) of uint8 crops (N, S, S)."""
    return torch.from_numpy(encode(net, crops)[1]).softmax(1).numpy()


@torch.inference_mode()
def encode(net: FaceNet, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (N, D) and logits (N, labels) of uint8 crops (N, S, S)."""
    net.eval()
    device = next(net.parameters()).device
    embeddings = torch.cat(
        [net.embed(part.to(device).unsqueeze(1).float() / 255) for part in torch.from_numpy(crops).split(64)]
    )
    logits = net.classify(embeddings).cpu()
    return embeddings.cpu().numpy(), logits.numpy()
