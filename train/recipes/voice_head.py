"""The voice network's last layer, fitted again with ordinary speech in the data.

Both trunks were trained on actors alone, so the layer on top called calm speakers angry or afraid. A linear layer on
the frozen, pooled features is fitted in a minute to acted and ordinary speech together. All emotions weigh alike in it,
so that its output is a likelihood under an even prior.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from emorec import files
from emorec.emotions import EMOTIONS, emotion_of
from emorec.extraction.spoken import SPEECH
from emorec.inference.fusion import MIN_COVERAGE
from emorec.voice import features as front_ends
from emorec.voice.features import VoiceFrontEnd
from train.data import channels, datasets, pack
from train.recipes import regression, voice

HEAD = "emotions"  # the head that analysis uses; the one of RAVDESS's eight labels stays as it is
DECAY = 0.05  # of the weights, see regression.fit
# Scale of the emotion trunk's features: below 1 they are penalised more than the distilled trunk's. The emotion trunk
# was trained on the people that the layer is fitted on, and is too confident about them. Chosen on left-out corpora of
# ordinary speech.
OWN_SCALE = 0.3
AUGMENTED = 6000  # recordings that the layer is fitted to once more, see ``training_rows``; measured in RECIPES.md
AUGMENTED_ROWS = "augmented_voices"  # of a checkpoint's training metadata: how many it was fitted to
NOISE = "PhoneNoise"  # folder of the data with noise to mix in
WINDOW_HOPS = 12  # 3.07 s, the default window of analysis


def refit(net, items, features, without=()):
    """The layer for the head "emotions" of a VoiceNet, fitted on the items outside the corpora ``without``.

    ``features`` (N, 2 D) are the pooled features of the items, see ``pooled_features``.
    """
    return fit(items, features, without, scales_of(net))


def fit(
    items: Sequence[datasets.Item],
    features: np.ndarray,
    without: Sequence[str] = (),
    scales: float | np.ndarray = 1.0,
    decay: float = DECAY,
) -> nn.Linear:
    """A layer with seven outputs, fitted on features (N, D) of the items outside the corpora ``without``."""
    selected = np.array([item.corpus not in without for item in items])
    corpora = np.array([item.corpus for item in items])[selected]
    targets = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])[selected]
    # Corpora weigh by the square root of their size; regression.fit then lets every emotion weigh alike.
    weights = np.array([(corpora == corpus).sum() ** -0.5 for corpus in corpora])
    return regression.fit(features[selected], targets, weights, len(EMOTIONS), decay, scales)


def distilled_columns(net: voice.VoiceNet) -> np.ndarray:
    """The columns of pooled features (N, 2 D) of a VoiceNet that its distilled trunk gives; none if it has no such."""
    own, both = net.parts[0], net.config.embedding
    return np.r_[own:both, both + own : 2 * both]


def scales_of(net):
    """The scales (2 D,) of a VoiceNet's pooled features for the penalty, see regression.fit."""
    own, both = net.parts[0], net.config.embedding
    scales = np.ones(2 * both)
    if len(net.parts) > 1:
        scales[:own] = scales[both : both + own] = OWN_SCALE
    return scales


def pooled_features(net, items, cache):
    """Pooled features (N, 2 D) of the recordings of items by a VoiceNet, cached by its weights."""

    def features():
        return {"features": voice.features(net, _clips(items, cache))}

    return pack.load_or_make(cache, "pooled", items, _settings(net), features)["features"]


def pooled_windows(net, items, cache):
    """Pooled features (M, 2 D) of windows as long as in analysis, and the row of each one's item (M,).

    As in analysis, a recording is encoded whole and then cut into windows of WINDOW_HOPS. Shorter rests and windows
    with hardly any speech are left out.
    """

    def features():
        clips = _clips(items, cache)
        windows = list(_windows(clips))
        return {"features": voice.window_features(net, clips, windows), "rows": np.array([row for row, *_ in windows])}

    settings = _settings(net) | {"hops": WINDOW_HOPS, "version": 2}
    found = pack.load_or_make(cache, "pooled-windows", items, settings, features)
    return found["features"], found["rows"]


def training_rows(
    net: voice.VoiceNet, items: Sequence[datasets.Item], data: Path, cache: Path, augmented: int
) -> tuple[np.ndarray, np.ndarray]:
    """What a layer is fitted to: the rows (M,) of the items, and their pooled features (M, 2 D).

    First all items as they are, then ``augmented`` of them, drawn from all corpora alike, once more with another
    microphone, room and noise (train/data/channels.py). What is speech is known from the recordings as they are.
    """
    everything, features = np.arange(len(items)), pooled_features(net, items, cache)
    chosen = np.sort(np.random.default_rng(0).permutation(len(items))[:augmented])
    if not len(chosen):
        return everything, features

    def spoilt():
        return {"features": voice.features(net, _spoilt_clips(items, chosen, data, cache))}

    again = pack.load_or_make(
        cache, "pooled-spoilt", [items[row] for row in chosen], _settings(net) | {"version": 1}, spoilt
    )
    return np.concatenate([everything, chosen]), np.concatenate([features, again["features"]])


def _spoilt_clips(items, chosen, data, cache):
    """The log-mel and the speech of the ``chosen`` items with another microphone, room and noise."""
    front_end, speech = VoiceFrontEnd(), [heard for _, heard in _clips(items, cache)]

    def spectra():
        noises, parts = channels.read_noises(Path(data) / NOISE, front_end.rate), []
        played = pack.read_samples([items[row] for row in chosen], front_end)
        for row, samples in zip(chosen, played, strict=True):
            sound = channels.degrade(samples, front_end.rate, noises, np.random.default_rng([0, int(row)]))
            parts.append(front_ends.log_mel(sound, front_end).to(torch.float16).numpy())
        return {"log_mel": np.concatenate(parts, axis=1)}

    settings = pack.settings_of(front_end) | {"version": 1}
    whole = pack.load_or_make(cache, "voices-spoilt", [items[row] for row in chosen], settings, spectra)["log_mel"]
    ends = np.cumsum([len(speech[row]) * voice.VoiceNet.FRAMES_PER_HOP for row in chosen])
    return list(zip(np.split(whole, ends[:-1], axis=1), (speech[row] for row in chosen), strict=True))


def _windows(clips):
    """The windows of clips that have enough speech: the row of the clip, the first hop and the last (exclusive)."""
    for row, (_, speech) in enumerate(clips):
        for first in range(0, max(len(speech) - WINDOW_HOPS // 2, 1), WINDOW_HOPS):
            last = min(first + WINDOW_HOPS, len(speech))
            if (speech[first:last] >= SPEECH).mean() >= MIN_COVERAGE:
                yield row, first, last


def spoken(items, cache):
    """Seconds of speech in each recording (N,)."""
    return np.array([(speech >= SPEECH).sum() for _, speech in _clips(items, cache)]) * VoiceFrontEnd().hop_seconds


def spoken_windows(items, cache):
    """Seconds of speech in each window of ``pooled_windows`` (M,)."""
    clips = _clips(items, cache)
    hops = [(clips[row][1][first:last] >= SPEECH).sum() for row, first, last in _windows(clips)]
    return np.array(hops) * VoiceFrontEnd().hop_seconds


def _settings(net):
    """The settings that pooled features depend on: the front end, and the network without its heads."""
    digest = hashlib.sha256(repr(replace(net.config, heads={})).encode())
    for name, tensor in sorted(net.state_dict().items()):
        if not name.startswith("heads"):
            digest.update(name.encode() + tensor.float().cpu().numpy().tobytes())
    return pack.settings_of(VoiceFrontEnd()) | {"network": digest.hexdigest(), "silent": voice.SILENT}


def _clips(items, cache):
    """Each item's log-mel and speech. Acted and ordinary recordings are cached separately, so that a change of one does
    not invalidate the other."""
    clips: list = [None] * len(items)
    for kind in (False, True):
        rows = [row for row, item in enumerate(items) if (item.corpus in datasets.ORDINARY) is kind]
        packed = pack.voice_clips([items[row] for row in rows], VoiceFrontEnd(), cache) if rows else []
        for row, clip in zip(rows, packed, strict=True):
            clips[row] = clip
    return clips


def place(net, layer):
    """Set the head "emotions" to a layer."""
    head: Any = net.heads[HEAD]
    with torch.no_grad():
        head.weight.copy_(layer.weight)
        head.bias.copy_(layer.bias)
    return net


def train(net, data, runs, cache, fold, augmented=0):
    """Fit the last layer of a fold's network on all people outside the fold, and store it in ``head_file``.

    ``augmented`` recordings take part a second time, see ``training_rows``."""
    items = all_items(data)
    rows, features = training_rows(net, items, data, cache, augmented)
    inside = datasets.folds_of(items)[rows] != fold
    layer = refit(net, [items[row] for row in rows[inside]], features[inside])
    files.write(head_file(runs, fold), safetensors.torch.save({"weight": layer.weight, "bias": layer.bias}))
    return place(net, layer)


def all_items(data):
    """The items of every corpus of acted and of ordinary speech."""
    return [*datasets.voices(data), *datasets.ordinary(data)]


def head_file(runs, fold):
    """The file that holds a fold's last layer."""
    return Path(runs) / f"voice-{fold}-head.safetensors"


def load_fitted(runs, fold):
    """The network of ``fold`` with the last layer fitted here, if there is one."""
    net, file = voice.load_trained(runs, fold), head_file(runs, fold)
    if not file.exists():
        return net
    found = safetensors.torch.load_file(file)
    head: Any = net.heads[HEAD]
    with torch.no_grad():
        head.weight.copy_(found["weight"])
        head.bias.copy_(found["bias"])
    return net
