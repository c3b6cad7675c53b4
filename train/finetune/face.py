"""Fine-tune the face network on a user's pictures and videos: windows of one person's aligned faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from emorec.inference.pooling import QUALITY_FLOOR
from emorec.models.config import FaceConfig
from emorec.models.networks import FaceNet
from train import loop, run_dir
from train.data import augment, ingest
from train.data.corpora import Corpus
from train.data.datasets import Item
from train.finetune import balance, common, initial, stills, usable
from train.recipes.face import SMOOTHING, soft_labels

SCHEDULE = loop.Schedule(epochs=12, lr=1e-3, batch_size=32)  # from the weights of another network
SCRATCH_SCHEDULE = loop.Schedule(epochs=30, lr=2e-3, batch_size=64)
NET = FaceConfig(labels=())
FACES_AT_ONCE = 64

Clip = tuple[np.ndarray, np.ndarray]  # crops uint8 (F, S, S) and their quality (F,)


class Batches:
    """Every item once per epoch, in full batches: consecutive faces of a video, or the one of a picture."""

    def __init__(self, clips: Sequence[Clip], targets: np.ndarray, size: int, video_len: int):
        self.clips, self.targets, self.size = clips, torch.from_numpy(targets), size
        self.frames = min(video_len, max(len(crops) for crops, _ in clips))

    def __len__(self) -> int:
        return -(-len(self.clips) // self.size)

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        order = generator.permutation(len(self.clips))
        order = np.concatenate([order, generator.choice(order, len(self) * self.size - len(order))])
        for rows in order.reshape(-1, self.size):
            windows = [window(*self.clips[int(row)], generator, self.frames) for row in rows]
            yield *make_batch(windows), self.targets[torch.from_numpy(rows)]


def window(crops: np.ndarray, quality: np.ndarray, generator: np.random.Generator, frames: int) -> Clip:
    """``frames`` consecutive faces; a shorter clip is padded with its first face at weight 0."""
    start = generator.integers(max(1, len(crops) - frames + 1))
    crops, quality = crops[start : start + frames], quality[start : start + frames] + QUALITY_FLOOR
    missing = frames - len(crops)
    crops = np.concatenate([crops, np.repeat(crops[:1], missing, axis=0)])
    return crops, np.pad(quality, (0, missing)).astype(np.float32)


def make_batch(windows: Sequence[Clip]) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows as a batch: crops (N, F, S, S) in [0, 1], augmented, and weights (N, F)."""
    crops = torch.from_numpy(np.stack([crops for crops, _ in windows]))
    quality = torch.from_numpy(np.stack([quality for _, quality in windows]))
    return augment.faces(crops.flatten(0, 1).unsqueeze(1).float() / 255).view(crops.shape), quality


def train(corpus: Corpus, schedule: loop.Schedule, config: common.FinetuneConfig) -> Path:
    """Train on a Corpus; returns the folder of the best checkpoint. Raises EmorecError."""
    folder = config.out / "face"
    run_dir.check_free(folder, config.resume)
    common.check_people(corpus, config, ("face",) if config.init_from_base else ())
    net = new_net(corpus.labels, schedule.seed, config)
    size, cache = net.config.size, config.cache
    items, clips = usable.drop_unreadable(
        corpus.train, *ingest.extract_faces(corpus.train, size, cache), folder, "training"
    )
    valid = [item for item in corpus.valid if item.label]
    valid, held_out = usable.drop_unreadable(valid, *ingest.extract_faces(valid, size, cache), folder, "validation")
    targets, labelled = targets_of(items, corpus.labels)
    rows = np.flatnonzero(labelled)
    items, clips = [items[row] for row in rows], [clips[row] for row in rows]
    usable.check_labels(items, corpus.labels)
    batches = Batches(clips, targets[labelled], common.batch_size(schedule, clips), config.video_len)
    truth = np.array([corpus.labels.index(item.label) for item in valid])
    loss_of = balanced_loss(balance.log_shares(targets[labelled].sum(0)))
    return common.train(
        "face",
        {"face": net},
        batches,
        loss_of,
        lambda net: predict(net, held_out),
        truth,
        corpus,
        schedule,
        config,
        items,
        pictures=stills.are_pictures(held_out),
    )


def new_net(labels: tuple[str, ...], seed: int, config: common.FinetuneConfig) -> FaceNet:
    """The network before its training, with the weights that the config names."""
    torch.manual_seed(seed)
    net = FaceNet(replace(config.base.face.config if config.init_from_base else NET, labels=labels))
    if config.init_from_base:
        initial.init_from(net, config.base.face)
    if config.face_path:
        common.report(initial.init_face(net, config.face_path))
    return net


def balanced_loss(log_shares: torch.Tensor) -> Callable[[FaceNet, tuple[torch.Tensor, ...]], torch.Tensor]:
    """The loss for training labels with the given log shares (C,).

    Cross-entropy of the pooled logits of a window. As in inference, log-probabilities are weighted by quality.
    """

    def loss_of(net: FaceNet, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        crops, quality, targets = batch
        logits = net(crops.flatten(0, 1).unsqueeze(1)).float().view(*quality.shape, -1)
        share = quality / quality.sum(dim=1, keepdim=True)
        pooled = (F.log_softmax(logits, dim=-1) * share.unsqueeze(-1)).sum(dim=1)
        return F.cross_entropy(balance.adjust(pooled, log_shares), targets, label_smoothing=SMOOTHING)

    return loss_of


def targets_of(items: Sequence[Item], labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Soft labels (N, C) from votes if there are any, else one-hot labels; and which items have one (N,)."""
    if items and items[0].votes:
        return soft_labels(items)
    targets = np.zeros((len(items), len(labels)), np.float32)
    targets[np.arange(len(items)), [labels.index(item.label) for item in items]] = 1
    return targets, np.ones(len(items), bool)


@torch.inference_mode()
def predict(net: FaceNet, clips: Sequence[Clip]) -> np.ndarray:
    """Probabilities (N, labels) of whole clips, pooled as inference pools a window."""
    net.eval()
    device = next(net.parameters()).device
    crops = torch.from_numpy(np.concatenate([crops for crops, _ in clips])).split(FACES_AT_ONCE)
    logs = torch.cat([F.log_softmax(net(part.to(device).unsqueeze(1).float() / 255), dim=1) for part in crops]).cpu()
    pooled = []
    for part, (_, quality) in zip(logs.split([len(crops) for crops, _ in clips]), clips, strict=True):
        share = torch.from_numpy(quality + QUALITY_FLOOR)
        pooled.append((part * (share / share.sum()).unsqueeze(1)).sum(dim=0))
    return torch.stack(pooled).softmax(dim=1).numpy()
