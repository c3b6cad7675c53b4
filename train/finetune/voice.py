"""A voice network trained on a user's recordings, or on the sound of their videos."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from emorec.inference import fusion
from emorec.models.networks import VoiceNet
from train import loop, run_dir
from train.data import ingest
from train.finetune import common, initial
from train.recipes import voice

SCHEDULE = loop.Schedule(epochs=40, lr=2e-3, batch_size=32)


def train(corpus, schedule, choices):
    """Train on a Corpus; returns the folder of the best checkpoint. Raises EmorecError."""
    folder = choices.out / "voice"
    run_dir.check_free(folder, choices.resume)
    common.check_people(corpus, choices, ("voice",) if choices.warm else ())
    torch.manual_seed(schedule.seed)
    config = choices.base.voice.config if choices.warm else voice.NET
    net = VoiceNet(replace(config, heads={"emotions": corpus.labels}))
    if choices.warm:
        initial.start_from(net, choices.base.voice)
    front_end, cache = choices.base.front_end, choices.cache
    items, clips = common.usable(corpus.train, *ingest.heard_voices(corpus.train, front_end, cache), folder, "training")
    judged, held = common.usable(
        corpus.valid, *ingest.heard_voices(corpus.valid, front_end, cache), folder, "validation"
    )
    common.check_labels(items)
    targets = np.array([corpus.labels.index(item.label) for item in items])
    hops = -(-choices.audio_win // VoiceNet.FRAMES_PER_HOP)
    size = common.batch_size(schedule, clips)
    batches = voice.Batches(clips, targets, voice.sampling_weights(items), size, hops)
    truth = np.array([corpus.labels.index(item.label) for item in judged])
    return common.train(
        "voice",
        {"voice": net},
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
    """Cross-entropy of a window's pooled voice."""
    log_mel, speech, targets = batch
    return F.cross_entropy(net(log_mel, speech).float(), targets, label_smoothing=voice.SMOOTHING)


def opinions(net, clips):
    """Probabilities (N, labels) of whole clips (log-mel, speech)."""
    return fusion.softmax(voice.logits_of(net, voice.features(net, clips)).astype(np.float64))
