"""Fine-tune the voice network on a user's recordings, or on the sound of their videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from emorec.inference import fusion
from emorec.models.networks import VoiceNet
from train import loop, run_dir
from train.data import ingest
from train.data.corpora import Corpus
from train.finetune import balance, common, initial, usable
from train.recipes import voice

SCHEDULE = loop.Schedule(epochs=15, lr=1e-3, batch_size=32)  # from the weights of another network
SCRATCH_SCHEDULE = loop.Schedule(epochs=40, lr=2e-3, batch_size=32)


def train(corpus: Corpus, schedule: loop.Schedule, config: common.FinetuneConfig) -> Path:
    """Train on a Corpus; returns the folder of the best checkpoint. Raises EmorecError."""
    folder = config.out / "voice"
    run_dir.check_free(folder, config.resume)
    common.check_people(corpus, config, ("voice",) if config.init_from_base else ())
    net = new_net(corpus.labels, schedule.seed, config)
    front_end, cache = config.base.front_end, config.cache
    items, clips = usable.drop_unreadable(
        corpus.train, *ingest.extract_log_mels(corpus.train, front_end, cache), folder, "training"
    )
    valid, held_out = usable.drop_unreadable(
        corpus.valid, *ingest.extract_log_mels(corpus.valid, front_end, cache), folder, "validation"
    )
    usable.check_labels(items, corpus.labels)
    targets = np.array([corpus.labels.index(item.label) for item in items])
    weights = voice.sampling_weights(items)
    hops = hops_of(config)
    batches = voice.Batches(clips, targets, weights, common.batch_size(schedule, clips), hops)
    truth = np.array([corpus.labels.index(item.label) for item in valid])
    # Rare labels are sampled more often than they occur; the loss compensates for the rest.
    totals = np.bincount(targets, weights, minlength=len(corpus.labels))
    return common.train(
        "voice",
        {"voice": net},
        batches,
        balanced_loss(balance.log_shares(totals)),
        lambda net: predict(net, held_out),
        truth,
        corpus,
        schedule,
        config,
        items,
    )


def new_net(labels: tuple[str, ...], seed: int, config: common.FinetuneConfig) -> VoiceNet:
    """The network before its training, with the weights that the config names."""
    torch.manual_seed(seed)
    net_config = config.base.voice.config if config.init_from_base else voice.NET
    net = VoiceNet(replace(net_config, heads={"emotions": labels}))
    if config.init_from_base:
        initial.init_from(net, config.base.voice)
    return net


def hops_of(config: common.FinetuneConfig) -> int:
    """The hops of a training window."""
    return -(-config.audio_win // VoiceNet.FRAMES_PER_HOP)


def balanced_loss(log_shares: torch.Tensor) -> Callable[[VoiceNet, tuple[torch.Tensor, ...]], torch.Tensor]:
    """The loss for labels sampled with the given log shares (C,): cross-entropy of a window's pooled voice."""

    def loss_of(net: VoiceNet, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        log_mel, speech, targets = batch
        logits = balance.adjust(net(log_mel, speech).float(), log_shares)
        return F.cross_entropy(logits, targets, label_smoothing=voice.SMOOTHING)

    return loss_of


def predict(net: VoiceNet, clips: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Probabilities (N, labels) of whole clips (log-mel, speech)."""
    return fusion.softmax(voice.logits_of(net, voice.features(net, clips)).astype(np.float64))
