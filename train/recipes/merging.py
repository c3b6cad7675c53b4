"""Merge both trunks of the voice network: each head is the sum of the emotion trunk's head and of a linear layer on the
features of the distilled trunk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from emorec.models.networks import VoiceNet
from emorec.voice.features import VoiceFrontEnd
from train import run_dir
from train.data import datasets, pack
from train.recipes import distillation, regression, voice

LAYER_WEIGHT = 2.0  # factor of the linear layer's logits beside those of the emotion trunk's head


def merge(data: Path, runs: Path, cache: Path, fold: int) -> VoiceNet:
    """The network of ``fold`` with both trunks, in RUNS/voice-FOLD-joined; layers are fitted on people outside it."""
    net, emotional = VoiceNet(voice.merged_config()), voice.load_averaged(runs, fold)
    trunk = distillation.load_trunk(runs, fold).state_dict()
    own_tensors = {name: tensor for name, tensor in emotional.state_dict().items() if not name.startswith("heads")}
    distilled_tensors = {f"listener.{name}": tensor for name, tensor in trunk.items()}
    net.load_state_dict(net.state_dict() | own_tensors | distilled_tensors)
    own, both = voice.NET.embedding, net.config.embedding
    columns = np.r_[own:both, both + own : 2 * both]  # of the distilled trunk in the pooled mean and deviation

    items = datasets.voices(data)
    inside = np.flatnonzero(datasets.folds_of(items) != fold)
    targets, weights = voice.targets_of(items)[inside], voice.sampling_weights([items[row] for row in inside])
    copies = [pack.voice_clips(items, VoiceFrontEnd(), cache, speeds) for speeds in distillation.SPEEDS]
    distilled = [voice.features(net, [clips[row] for row in inside])[:, columns] for clips in copies]
    for column, (head, labels) in enumerate(voice.HEADS.items()):
        rows = targets[:, column] != voice.ABSENT
        layer = regression.fit(
            np.concatenate([features[rows] for features in distilled]),
            np.tile(targets[rows, column], len(copies)),
            np.tile(weights[rows], len(copies)),
            len(labels),
        )
        _set_head(net.heads[head], emotional.heads[head], layer, columns)
    run_dir.save_run(runs / voice.merged_run(fold), net, run_dir.settings_of(runs / f"voice-{fold}"))
    return net.eval()


@torch.no_grad()
def _set_head(head: nn.Module, emotional: nn.Module, layer: nn.Linear, columns: np.ndarray) -> None:
    """Set a head to the sum of the emotion trunk's head and of a layer over the distilled trunk's ``columns``."""
    assert isinstance(head, nn.Linear) and isinstance(emotional, nn.Linear)
    others = np.setdiff1d(np.arange(head.weight.shape[1]), columns)
    head.weight[:, others] = emotional.weight
    head.weight[:, columns] = LAYER_WEIGHT * layer.weight
    head.bias.copy_(emotional.bias + LAYER_WEIGHT * layer.bias)
