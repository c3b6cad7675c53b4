"""A face network trained on a user's pictures and videos: windows of one person's aligned faces."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from emorec.inference.pooling import QUALITY_FLOOR
from emorec.models.config import FaceConfig
from emorec.models.networks import FaceNet
from train import loop, run_dir
from train.data import augment, ingest
from train.finetune import common, initial
from train.recipes.face import SMOOTHING, soft_labels

SCHEDULE = loop.Schedule(epochs=30, lr=2e-3, batch_size=64)
NET = FaceConfig(labels=())
FACES_AT_ONCE = 64


class Batches:
    """Every item once an epoch, in whole batches: some of a video's faces in a row, or a picture's one."""

    def __init__(self, clips, targets, size, video_len):
        self.clips, self.targets, self.size = clips, torch.from_numpy(targets), size
        self.frames = min(video_len, max(len(crops) for crops, _ in clips))

    def __len__(self):
        return -(-len(self.clips) // self.size)

    def __call__(self, epoch, generator):
        order = generator.permutation(len(self.clips))
        order = np.concatenate([order, generator.choice(order, len(self) * self.size - len(order))])
        for rows in order.reshape(-1, self.size):
            windows = [self._window(*self.clips[row], generator) for row in rows]
            crops = torch.from_numpy(np.stack([crops for crops, _ in windows]))
            quality = torch.from_numpy(np.stack([quality for _, quality in windows]))
            moved = augment.faces(crops.flatten(0, 1).unsqueeze(1).float() / 255).view(crops.shape)
            yield moved, quality, self.targets[torch.from_numpy(rows)]

    def _window(self, crops, quality, generator):
        """So many faces in a row; a shorter clip is filled up with its first face, which then weighs nothing."""
        start = generator.integers(max(1, len(crops) - self.frames + 1))
        crops, quality = crops[start : start + self.frames], quality[start : start + self.frames] + QUALITY_FLOOR
        missing = self.frames - len(crops)
        crops = np.concatenate([crops, np.repeat(crops[:1], missing, axis=0)])
        return crops, np.pad(quality, (0, missing)).astype(np.float32)


def train(corpus, schedule, choices):
    """Train on a Corpus; returns the folder of the best checkpoint. Raises EmorecError."""
    folder = choices.out / "face"
    run_dir.check_free(folder, choices.resume)
    common.check_people(corpus, choices, ("face",) if choices.warm else ())
    torch.manual_seed(schedule.seed)
    net = FaceNet(replace(NET, labels=corpus.labels))
    if choices.warm:
        initial.start_from(net, choices.base.face)
    if choices.face_path:
        common.say(initial.start_face(net, choices.face_path))
    size, cache = net.config.size, choices.cache
    items, clips = common.usable(corpus.train, *ingest.seen_faces(corpus.train, size, cache), folder, "training")
    judged = [item for item in corpus.valid if item.label]
    judged, held = common.usable(judged, *ingest.seen_faces(judged, size, cache), folder, "validation")
    targets, learnable = targets_of(items, corpus.labels)
    items, clips = ([values[row] for row in np.flatnonzero(learnable)] for values in (items, clips))
    common.check_labels(items)
    batches = Batches(clips, targets[learnable], common.batch_size(schedule, clips), choices.video_len)
    truth = np.array([corpus.labels.index(item.label) for item in judged])
    return common.train(
        "face",
        {"face": net},
        batches,
        loss_of,
        lambda net: opinions(net, held),
        truth,
        corpus,
        schedule,
        choices,
        items,
    )


def loss_of(net, batch):
    """Cross-entropy of a window's pooled opinion, as inference pools it: log-probabilities weighted by quality."""
    crops, quality, targets = batch
    logits = net(crops.flatten(0, 1).unsqueeze(1)).float().view(*quality.shape, -1)
    share = quality / quality.sum(dim=1, keepdim=True)
    pooled = (F.log_softmax(logits, dim=-1) * share.unsqueeze(-1)).sum(dim=1)
    return F.cross_entropy(pooled, targets, label_smoothing=SMOOTHING)


def targets_of(items, labels):
    """Soft labels (N, C) from votes where there are some, else the one label; and which items have any."""
    if items and items[0].votes:
        return soft_labels(items)
    targets = np.zeros((len(items), len(labels)), np.float32)
    targets[np.arange(len(items)), [labels.index(item.label) for item in items]] = 1
    return targets, np.ones(len(items), bool)


@torch.inference_mode()
def opinions(net, clips):
    """Probabilities (N, labels) of whole clips (crops, quality), pooled as inference pools a window."""
    net.eval()
    device = next(net.parameters()).device
    crops = torch.from_numpy(np.concatenate([crops for crops, _ in clips])).split(FACES_AT_ONCE)
    logs = torch.cat([F.log_softmax(net(part.to(device).unsqueeze(1).float() / 255), dim=1) for part in crops]).cpu()
    pooled = []
    for part, (_, quality) in zip(logs.split([len(crops) for crops, _ in clips]), clips, strict=True):
        share = torch.from_numpy(quality + QUALITY_FLOOR)
        pooled.append((part * (share / share.sum()).unsqueeze(1)).sum(dim=0))
    return torch.stack(pooled).softmax(dim=1).numpy()
