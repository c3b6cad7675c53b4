"""A second last layer of the voice network: for speakers whose usual voice is known.

Voices of one corpus differ from those of another by a nearly constant offset in the pooled features, and so do those
of two speakers. If a speaker is heard for long enough, and mostly calm, the speaker's mean features are a baseline that
can be subtracted. A layer that is fitted to such relative features transfers to unknown corpora and languages;
the layer for single recordings (train/recipes/voice_head.py) does not. See train/RECIPES.md.

The layer is linear, so at inference nothing but its output is needed: of every window's logits the mean over the
speaker's windows is subtracted, then the layer's bias is added.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
from torch import nn

from emorec import files
from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.inference.voice_pooling import RELATIVE
from emorec.models.networks import VoiceNet
from train import metrics
from train.data import datasets
from train.recipes import voice_head

DECAY = 0.5  # of the weights, see regression.fit; chosen on corpora left out
MIN_ROWS = 4  # rows that a speaker must have for a baseline


def relative(features: np.ndarray, truth: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, D) less their speaker's baseline, and whether there is one (N,); ``truth`` (N,) are labels.

    ``people`` (N,) are the speakers. A baseline is the mean of a speaker's features, weighted as if the emotions had
    the shares of the prior "everyday", as in a long recording. Speakers without a neutral row, or with fewer than
    ``MIN_ROWS`` rows, have none, and their features stay as they are.
    """
    out, known = np.array(features, np.float64), np.zeros(len(truth), bool)
    shares = np.exp(metrics.EVERYDAY)
    for person in np.unique(people):
        rows = people == person
        labels = np.unique(truth[rows])
        if rows.sum() < MIN_ROWS or metrics.NEUTRAL not in labels:
            continue
        means = np.stack([out[rows & (truth == label)].mean(axis=0) for label in labels])
        out[rows] -= np.average(means, axis=0, weights=shares[labels])
        known |= rows
    return out, known


def fit(
    items: Sequence[datasets.Item],
    features: np.ndarray,
    known: np.ndarray,
    without: Sequence[str] = (),
    scales: float | np.ndarray = 1.0,
) -> nn.Linear:
    """The layer with seven outputs for features (N, D) as ``relative`` gives them, fitted to the rows ``known`` (N,)
    that have a baseline, outside the corpora ``without``; ``scales`` as for regression.fit."""
    rows = np.flatnonzero(known)
    return voice_head.fit([items[int(row)] for row in rows], features[rows], without, scales, DECAY)


def train(net: VoiceNet, data: Path, runs: Path, cache: Path, fold: int) -> nn.Linear:
    """Fit the layer for a fold's network to all people outside the fold, and store it in ``layer_file``."""
    items = voice_head.all_items(data)
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    people = np.array([item.person for item in items])
    features, known = relative(voice_head.pooled_features(net, items, cache), truth, people)
    layer = fit(items, features, known & (datasets.folds_of(items) != fold), scales=voice_head.scales_of(net))
    files.write(layer_file(runs, fold), safetensors.torch.save({"weight": layer.weight, "bias": layer.bias}))
    return layer


def place(net: VoiceNet, layer: nn.Linear) -> VoiceNet:
    """A copy of a network with the layer as its head "relative", which analysis uses."""
    heads = net.config.heads | {RELATIVE: EMOTIONS}
    copy = VoiceNet(replace(net.config, heads=heads))
    tensors = net.state_dict() | {f"heads.{RELATIVE}.{name}": tensor for name, tensor in layer.state_dict().items()}
    copy.load_state_dict(tensors)
    return copy.eval().requires_grad_(False)


def load_layer(net: VoiceNet, runs: Path | None, fold: int) -> nn.Linear:
    """The layer of a fold's network: its own head "relative", else the one in ``layer_file``. Raises EmorecError."""
    head: Any = net.heads[RELATIVE] if RELATIVE in net.config.heads else None
    if head is not None:
        return head
    if runs is None or not layer_file(runs, fold).exists():
        raise EmorecError(f"There is no layer relative to the speaker for fold {fold}; fit it with train/refit.py.")
    layer = nn.Linear(2 * net.config.embedding, len(EMOTIONS)).requires_grad_(False)
    layer.load_state_dict(safetensors.torch.load_file(layer_file(runs, fold)))
    return layer


def layer_file(runs: Path, fold: int) -> Path:
    """The file of a fold's layer."""
    return Path(runs) / f"voice-{fold}-relative.safetensors"
