"""The voice network's last layer, fitted once more, with ordinary speech among what it hears.

Both trunks learned from actors alone, so the layer on top called calm speakers angry or afraid. A linear layer over
the frozen, pooled features needs a minute to learn from acted and ordinary speech together what calm speech is. Every
emotion weighs alike in it, so that what it says is a likelihood under an even prior.
"""

import hashlib
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from emorec import files
from emorec.emotions import EMOTIONS, emotion_of
from emorec.inference.fusion import MIN_COVERAGE
from emorec.inference.pooling import SPEECH
from emorec.voice.features import VoiceFrontEnd
from train.data import datasets, pack
from train.recipes import regression, voice

HEAD = "emotions"  # the head that analysis uses; the one of RAVDESS's eight labels stays as it is
DECAY = 0.05  # of the weights, see regression.fit
# How much the emotional trunk's features are shrunk, and so held back, beside the listener's: the trunk met the people
# that the layer is fitted on and is too sure of them. Chosen on corpora of ordinary speech that were left out.
OWN_SCALE = 0.3
WINDOW_HOPS = 12  # 3.07 s, what analysis looks at unless told otherwise


def refit(net, items, features, without=()):
    """The layer for the head "emotions" of a VoiceNet, fitted on the items outside the corpora ``without``.

    ``features`` (N, 2 D) are the pooled features of the items, see ``pooled``.
    """
    kept = np.array([item.corpus not in without for item in items])
    corpora = np.array([item.corpus for item in items])[kept]
    targets = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])[kept]
    # Corpora weigh by the square root of their size; regression.fit then lets every emotion weigh alike.
    weights = np.array([(corpora == corpus).sum() ** -0.5 for corpus in corpora])
    return regression.fit(features[kept], targets, weights, len(EMOTIONS), DECAY, _scales(net))


def _scales(net):
    own, both = net.parts[0], net.config.embedding
    scales = np.ones(2 * both)
    if len(net.parts) > 1:
        scales[:own] = scales[both : both + own] = OWN_SCALE
    return scales


def pooled(net, items, cache):
    """Pooled features (N, 2 D) of the recordings of items by a VoiceNet, kept in the cache under its weights."""

    def features():
        return {"features": voice.features(net, _clips(items, cache))}

    return pack.cached(cache, "pooled", items, _settings(net), features)["features"]


def pooled_windows(net, items, cache):
    """Pooled features (M, 2 D) of windows as analysis looks at, and the row of each one's item (M,).

    Recordings are cut into windows of WINDOW_HOPS; shorter rests, and windows with hardly any speech, are left out.
    """

    def features():
        parts, rows = [], []
        for row, (log_mel, speech) in enumerate(_clips(items, cache)):
            for start in range(0, max(len(speech) - WINDOW_HOPS // 2, 1), WINDOW_HOPS):
                heard = speech[start : start + WINDOW_HOPS]
                if (heard >= SPEECH).mean() >= MIN_COVERAGE:
                    frames = slice(start * voice.VoiceNet.FRAMES_PER_HOP, None)
                    parts.append((log_mel[:, frames][:, : len(heard) * voice.VoiceNet.FRAMES_PER_HOP], heard))
                    rows.append(row)
        return {"features": voice.features(net, parts), "rows": np.array(rows)}

    found = pack.cached(cache, "pooled-windows", items, _settings(net) | {"hops": WINDOW_HOPS}, features)
    return found["features"], found["rows"]


def _settings(net):
    """What pooled features depend on beside the recordings: the front end, and the network without its heads."""
    digest = hashlib.sha256(repr(net.config).encode())
    for name, tensor in sorted(net.state_dict().items()):
        if not name.startswith("heads"):
            digest.update(name.encode() + tensor.float().cpu().numpy().tobytes())
    return pack.settings_of(VoiceFrontEnd()) | {"network": digest.hexdigest(), "silent": voice.SILENT}


def _clips(items, cache):
    """Each item's log-mel and speech. Acted and ordinary recordings are packed apart, so that a change of one leaves
    the other's file in use."""
    clips = [None] * len(items)
    for kind in (False, True):
        rows = [row for row, item in enumerate(items) if (item.corpus in datasets.ORDINARY) is kind]
        packed = pack.voice_clips([items[row] for row in rows], VoiceFrontEnd(), cache) if rows else []
        for row, clip in zip(rows, packed, strict=True):
            clips[row] = clip
    return clips


def place(net, layer):
    """Put a layer in the place of the head "emotions"."""
    with torch.no_grad():
        net.heads[HEAD].weight.copy_(layer.weight)
        net.heads[HEAD].bias.copy_(layer.bias)
    return net


def train(net, data, runs, cache, fold):
    """Fit the last layer of a fold's network on everybody outside the fold, and keep it in the fold's ``head_file``."""
    items = everybody(data)
    inside, features = np.flatnonzero(datasets.fold_of(items) != fold), pooled(net, items, cache)
    layer = refit(net, [items[row] for row in inside], features[inside])
    files.write(head_file(runs, fold), safetensors.torch.save({"weight": layer.weight, "bias": layer.bias}))
    return place(net, layer)


def everybody(data):
    """The items of every corpus of acted and of ordinary speech."""
    return [*datasets.voices(data), *datasets.ordinary(data)]


def head_file(runs, fold):
    """The file that holds a fold's last layer."""
    return Path(runs) / f"voice-{fold}-head.safetensors"


def fitted(runs, fold):
    """The network of ``fold`` as it is used: with the last layer fitted here, where there is one."""
    net, file = voice.trained(runs, fold), head_file(runs, fold)
    if not file.exists():
        return net
    found = safetensors.torch.load_file(file)
    with torch.no_grad():
        net.heads[HEAD].weight.copy_(found["weight"])
        net.heads[HEAD].bias.copy_(found["bias"])
    return net
