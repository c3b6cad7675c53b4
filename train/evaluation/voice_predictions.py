"""What the voice networks say of held-out people, as plain arrays, see ``train.evaluation.predictions``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import nn

from emorec.emotions import EMOTIONS, emotion_of
from emorec.inference import fusion
from emorec.models.networks import VoiceNet
from train.data import datasets
from train.evaluation import predictions
from train.recipes import voice, voice_baseline, voice_head

STRONG = "02"  # RAVDESS's field of intensity
VOICE_CORPORA = ("ravdess", "javanese", *datasets.ORDINARY)


def voices(setting: predictions.Setting, voice_nets: Callable[[], dict[int, VoiceNet]]) -> predictions.Arrays:
    """Held-out voices: acted ones by fold, windows of ordinary speech by left-out corpus.

    ``voice_nets()`` returns the networks by fold; the first one's last layer is fitted again for ordinary speech.

    Returns seven-way probabilities ``seven``, RAVDESS's eight-way ones ``eight`` (0 elsewhere), the labels of both,
    ``fold`` (NEVER for ordinary speech), ``corpus`` (index in VOICE_CORPORA), ``strong`` (RAVDESS's intensity) and
    ``person``, a number for each speaker.
    """
    return predictions.load_or_collect("voices", setting, lambda: _voices(setting, voice_nets()))


def _voices(setting: predictions.Setting, voice_nets: dict[int, VoiceNet]) -> predictions.Arrays:
    items = voice_head.all_items(setting.data_folder)
    folds, corpora = datasets.folds_of(items), np.array([item.corpus for item in items])
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    parts = []
    for fold, net in voice_nets.items():
        rows = np.flatnonzero(folds == fold)
        pooled = voice_head.pooled_features(net, items, setting.cache)
        parts.append((rows, _softmax(net, pooled[rows]), _softmax(net, pooled[rows], "ravdess")))
    first, net = next(iter(voice_nets.items()))
    rows, pooled = voice_head.training_rows(net, items, setting.data_folder, setting.cache, setting.augmented)
    inside = folds[rows] != first
    known, pooled = [items[row] for row in rows[inside]], pooled[inside]
    calm = np.flatnonzero(np.isin(corpora, datasets.ORDINARY))
    features, rows = voice_head.pooled_windows(net, [items[row] for row in calm], setting.cache)
    for corpus in datasets.ORDINARY:
        layer = voice_head.refit(net, known, pooled, without=(corpus,))
        there = corpora[calm[rows]] == corpus
        logits = features[there].astype(np.float64) @ layer.weight.numpy().T.astype(np.float64) + layer.bias.numpy()
        nothing = np.zeros((there.sum(), len(datasets.RAVDESS_LABELS)))
        parts.append((calm[rows[there]], fusion.softmax(logits), nothing))
    rows, seven, eight = (np.concatenate(column) for column in zip(*parts, strict=True))
    chosen, people = [items[row] for row in rows], np.unique([item.person for item in items], return_inverse=True)[1]
    return {
        "seven": seven,
        "eight": eight,
        "truth": truth[rows],
        "native": np.array(
            [datasets.RAVDESS_LABELS.index(item.label) if item.corpus == "ravdess" else voice.ABSENT for item in chosen]
        ),
        "fold": folds[rows],
        "corpus": np.array([VOICE_CORPORA.index(item.corpus) for item in chosen]),
        "strong": np.array([item.corpus == "ravdess" and item.path.stem.split("-")[3] == STRONG for item in chosen]),
        "person": people[rows],
    }


def speakers(
    setting: predictions.Setting,
    voice_nets: Callable[[], dict[int, VoiceNet]],
    layer_of: Callable[[VoiceNet, int], nn.Linear],
) -> predictions.Arrays:
    """What the layers relative to the speaker say of the rows of ``voices``, in their order.

    ``voice_nets()`` is as in ``voices``; ``layer_of(net, fold)`` returns the layer of a fold's network. For ordinary
    speech it is fitted again without the corpus. Returns its logits without the bias, ``unbiased`` (N, 7), its ``bias``
    (N, 7), the ``person`` (N,), the seconds of speech ``spoken`` (N,) and the ``truth`` (N,).
    """
    return predictions.load_or_collect("speakers", setting, lambda: _speakers(setting, voice_nets(), layer_of))


def _speakers(
    setting: predictions.Setting, voice_nets: dict[int, VoiceNet], layer_of: Callable[[VoiceNet, int], nn.Linear]
) -> predictions.Arrays:
    items = voice_head.all_items(setting.data_folder)
    folds, corpora = datasets.folds_of(items), np.array([item.corpus for item in items])
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    people = np.array([item.person for item in items])
    numbers = np.unique(people, return_inverse=True)[1]
    spoken = voice_head.spoken(items, setting.cache)
    parts = []
    for fold, net in voice_nets.items():
        rows, layer = np.flatnonzero(folds == fold), layer_of(net, fold)
        parts.append(
            (rows, *_unbiased(layer, voice_head.pooled_features(net, items, setting.cache)[rows]), spoken[rows])
        )
    first, net = next(iter(voice_nets.items()))
    offset, known = voice_baseline.relative(voice_head.pooled_features(net, items, setting.cache), truth, people)
    known &= folds != first
    calm = np.flatnonzero(np.isin(corpora, datasets.ORDINARY))
    calm_items = [items[row] for row in calm]
    features, rows = voice_head.pooled_windows(net, calm_items, setting.cache)
    seconds = voice_head.spoken_windows(calm_items, setting.cache)
    for corpus in datasets.ORDINARY:
        layer = voice_baseline.fit(items, offset, known, (corpus,), voice_head.scales_of(net))
        there = corpora[calm[rows]] == corpus
        parts.append((calm[rows[there]], *_unbiased(layer, features[there]), seconds[there]))
    rows, unbiased, bias, spoken = (np.concatenate(column) for column in zip(*parts, strict=True))
    return {"unbiased": unbiased, "bias": bias, "person": numbers[rows], "spoken": spoken, "truth": truth[rows]}


def _unbiased(layer: nn.Linear, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits of features (N, D) without the layer's bias, and the bias in every row, (N, 7) each."""
    weight, bias = (part.detach().numpy().astype(np.float64) for part in (layer.weight, layer.bias))
    return features.astype(np.float64) @ weight.T, np.tile(bias, (len(features), 1))


def _softmax(net: VoiceNet, pooled: np.ndarray, head: str = "emotions") -> np.ndarray:
    return fusion.softmax(voice.logits_of(net, pooled, head).astype(np.float64))
