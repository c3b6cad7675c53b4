"""Recipe of the voice CNN's emotion trunk: four corpora and two heads, people held out by fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from emorec.emotions import EMOTIONS, emotion_of
from emorec.inference.voice_pooling import SILENT
from emorec.models.config import VoiceConfig
from emorec.models.networks import VoiceNet
from emorec.voice.features import VoiceFrontEnd
from train import loop, metrics
from train.data import datasets, pack
from train.recipes.voice_batches import CROP_HOPS, Batches, Clip
from train.recipes.workspace import Workspace

FIRST_SCHEDULE = loop.Schedule(epochs=8, lr=2.5e-3, batch_size=32, weight_decay=0.05, ema_epochs=0.5)
SCHEDULE = loop.Schedule(epochs=5, lr=2e-3, batch_size=32, weight_decay=0.05, ema_epochs=0.75)
# Two further trainings of a fold's network, with other window lengths; then the weights of all three are averaged.
REFINE_SCHEDULE = loop.Schedule(epochs=3, lr=2e-3, batch_size=32, weight_decay=0.05, ema_epochs=0.45)
REFINE_HOPS = (8, 10)
# Shares of the samples: half are from the one English corpus, which is also the one with all seven emotions.
SHARES = {"ravdess": 0.5, "javanese": 0.2, "nemo": 0.18, "ased": 0.12}
SMOOTHING = 0.1
HEAD_FLOOR = 0.3  # least weight of a head's loss in a batch; it grows to 1 with the share of items it has labels for
HEADS = {"emotions": EMOTIONS, "ravdess": datasets.RAVDESS_LABELS}
NET = VoiceConfig(heads=HEADS)
DISTILLED = {"listener_widths": (32, 64, 112, 160), "listener_embedding": 256}
ABSENT = -1  # target of a head that an item has no label for


def targets_of(items: Sequence[datasets.Item]) -> np.ndarray:
    """The index of every item's label in each head: (N, 2) int64, ABSENT if the head does not have the label."""
    return np.array(
        [
            [
                EMOTIONS.index(emotion_of(item.label)),
                datasets.RAVDESS_LABELS.index(item.label) if item.corpus == "ravdess" else ABSENT,
            ]
            for item in items
        ]
    )


def sampling_weights(items: Sequence[datasets.Item]) -> np.ndarray:
    """Sampling weights (N,) of items: corpora by ``SHARES``, a corpus's labels by the square root of their count."""
    groups = [(item.corpus, item.label) for item in items]
    frequency = Counter(groups)
    weights = np.array([frequency[group] ** -0.5 for group in groups])
    corpora = np.array([item.corpus for item in items])
    for corpus in set(corpora):
        rows = corpora == corpus
        weights[rows] *= SHARES.get(corpus, 1.0) / weights[rows].sum()
    return weights / weights.sum()


def train_first(
    workspace: Workspace,
    schedule: loop.Schedule = FIRST_SCHEDULE,
) -> VoiceNet:
    """Train on the people who are held out in no fold (nEMO, ASED); the networks of all folds start from this one."""
    items = datasets.voices(workspace.data)
    known = datasets.folds_of(items) == datasets.NEVER
    return _train(items, known, ~known, VoiceNet(NET), "voice-first", workspace, schedule)


def train(
    workspace: Workspace,
    fold: int,
    schedule: loop.Schedule = SCHEDULE,
) -> VoiceNet:
    """Train the first network further on all people outside ``fold``; logs recall on those inside after each epoch."""
    items = datasets.voices(workspace.data)
    held_out = datasets.folds_of(items) == fold
    net = loop.load_averaged(workspace.runs / "voice-first", VoiceNet(NET))
    return _train(items, ~held_out, held_out, net, f"voice-{fold}", workspace, schedule)


def refine(
    workspace: Workspace,
    fold: int,
    number: int,
    schedule: loop.Schedule = REFINE_SCHEDULE,
) -> VoiceNet:
    """Train the finished network of ``fold`` further, with windows of ``REFINE_HOPS[number]``, in a separate folder."""
    items = datasets.voices(workspace.data)
    held_out = datasets.folds_of(items) == fold
    net = loop.load_averaged(workspace.runs / f"voice-{fold}", VoiceNet(NET))
    schedule, hops = replace(schedule, seed=schedule.seed + 1 + number), REFINE_HOPS[number]
    return _train(items, ~held_out, held_out, net, refinement(fold, number), workspace, schedule, hops)


def refinement(fold: int, number: int) -> str:
    """The name of the folder of ``refine``."""
    return f"voice-{fold}-{number + 1}"


def train_without(
    workspace: Workspace,
    corpus: str,
    schedule: loop.Schedule = SCHEDULE,
) -> VoiceNet:
    """Train on all corpora but one, and log the recall on that one, whose language is not in the training data."""
    items = datasets.voices(workspace.data)
    left_out = np.array([item.corpus == corpus for item in items])
    return _train(items, ~left_out, left_out, VoiceNet(NET), f"cross-{corpus}", workspace, schedule)


def _train(items, inside, outside, net, run, workspace, schedule, hops=CROP_HOPS):
    clips = pack.voice_clips(items, VoiceFrontEnd(), workspace.cache)
    targets = targets_of(items)
    inside, outside = np.flatnonzero(inside), np.flatnonzero(outside)
    weights = sampling_weights([items[row] for row in inside])
    batches = Batches([clips[row] for row in inside], targets[inside], weights, schedule.batch_size, hops)

    def loss_of(net, batch):
        log_mel, speech, targets = batch
        pooled = net.pool(net.embed(log_mel), speech)
        loss: Any = 0.0
        for column, head in enumerate(HEADS):
            logits = net.classify(pooled, head).float()
            losses = F.cross_entropy(
                logits, targets[:, column], label_smoothing=SMOOTHING, ignore_index=ABSENT, reduction="none"
            )
            present = targets[:, column] != ABSENT
            weight = HEAD_FLOOR + (1 - HEAD_FLOOR) * present.float().mean()
            loss = loss + weight * losses.sum() / present.sum().clamp_min(1)
        return loss

    def evaluate(net):
        pooled = features(net, [clips[row] for row in outside])
        row = {}
        for corpus in ("ravdess", "nemo", "ased", "javanese"):
            chosen = np.array([items[index].corpus == corpus for index in outside])
            if chosen.any():
                # The corpus's own head is untrained if the whole corpus is left out.
                own = corpus == "ravdess" and (targets[inside, 1] != ABSENT).any()
                head, truth = ("ravdess" if own else "emotions"), targets[outside][chosen, int(own)]
                row[corpus] = round(metrics.recall(logits_of(net, pooled[chosen], head).argmax(1), truth), 4)
        return row

    settings = {
        "task": "voice",
        "hops": hops,
        "items": len(inside),
        "persons": sorted({items[row].person for row in inside}),
    }
    return workspace.fit(net, batches, loss_of, schedule, run, evaluate, settings)


def load_trained(runs: Path, fold: int) -> VoiceNet:
    """The finished network trained without the people of ``fold``; with the distilled trunk, if it was merged in."""
    if finished_run(runs, fold) == merged_run(fold):
        return loop.load_averaged(runs / merged_run(fold), VoiceNet(merged_config()))
    return load_averaged(runs, fold)


def finished_run(runs: Path, fold: int) -> str:
    """The name of the folder that holds the finished network of ``fold``, or the first of its trainings."""
    return merged_run(fold) if (runs / merged_run(fold)).exists() else f"voice-{fold}"


def merged_config() -> VoiceConfig:
    """The configuration of a network with both trunks, see train/recipes/merging.py."""
    return replace(NET, embedding=NET.embedding + DISTILLED["listener_embedding"], **DISTILLED)


def merged_run(fold: int) -> str:
    """The name of the folder of a fold's network with both trunks."""
    return f"voice-{fold}-joined"


def load_averaged(runs: Path, fold: int) -> VoiceNet:
    """The network of ``fold`` without a distilled trunk.

    Its weights are the mean over it and its finished refinements, a model soup (Wortsman et al., 2022): the accuracy of
    several networks for the cost of one.
    """
    folders = [runs / f"voice-{fold}", *(runs / refinement(fold, number) for number in range(len(REFINE_HOPS)))]
    folders = folders[:1] + [folder for folder in folders[1:] if loop.finished_epochs(folder) == REFINE_SCHEDULE.epochs]
    nets = [loop.load_averaged(folder, VoiceNet(NET)) for folder in folders]
    mean = {
        name: torch.stack([net.state_dict()[name].double() for net in nets]).mean(0).to(tensor.dtype)
        for name, tensor in nets[0].state_dict().items()
    }
    nets[0].load_state_dict(mean)
    return nets[0]


def features(net: VoiceNet, clips: Sequence[Clip]) -> np.ndarray:
    """Pooled voice features (N, 2 D) of whole clips, each encoded at its own length."""
    return window_features(net, clips, [(row, 0, len(speech)) for row, (_, speech) in enumerate(clips)])


@torch.inference_mode()
def window_features(net: VoiceNet, clips: Sequence[Clip], windows: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Pooled voice features (M, 2 D) of windows: the row of a clip, the first hop and the last (exclusive).

    Each clip is encoded once, at its own length, so its hops see the sound around the window, as in analysis.
    """
    net.eval()
    device = next(net.parameters()).device
    out = []
    for row, group in groupby(windows, key=lambda window: window[0]):
        log_mel, speech = clips[row]
        embeddings = net.embed(torch.from_numpy(log_mel).to(device).float().unsqueeze(0))
        weights = torch.from_numpy(speech).to(device).clamp_min(SILENT).unsqueeze(0)
        out += [net.pool(embeddings[:, first:last], weights[:, first:last])[0] for _, first, last in group]
    return torch.stack(out).cpu().numpy()


@torch.inference_mode()
def logits_of(net: VoiceNet, pooled: np.ndarray, head: str = "emotions") -> np.ndarray:
    """Logits (N, labels of the head) of pooled features (N, 2 D)."""
    device = next(net.parameters()).device
    return net.classify(torch.from_numpy(pooled).to(device), head).cpu().numpy()
