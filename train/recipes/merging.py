"""Both trunks of the voice network put together: heads that say what the one learnt of emotions, and what a linear
layer makes of what the other, the listener, hears."""

import numpy as np
import torch

from emorec.models.networks import VoiceNet
from emorec.voice.features import VoiceFrontEnd
from train import run_dir
from train.data import datasets, pack
from train.recipes import distillation, regression, voice

TRUST = 2.0  # how loud the layer on what the listener hears speaks beside the head of the other trunk


def join(data, runs, cache, fold):
    """The network of ``fold`` with both trunks, in RUNS/voice-FOLD-joined; layers are fitted on people outside it."""
    net, emotional = VoiceNet(voice.with_listener()), voice.averaged(runs, fold)
    listening = distillation.trained(runs, fold).state_dict()
    kept = {name: tensor for name, tensor in emotional.state_dict().items() if not name.startswith("heads")}
    net.load_state_dict(net.state_dict() | kept | {f"listener.{name}": tensor for name, tensor in listening.items()})
    own, both = voice.NET.embedding, net.config.embedding
    listened = np.r_[own:both, both + own : 2 * both]  # columns of the pooled mean and deviation

    items = datasets.voices(data)
    inside = np.flatnonzero(datasets.fold_of(items) != fold)
    targets, weights = voice.targets_of(items)[inside], voice.sampling_weights([items[row] for row in inside])
    copies = [pack.voice_clips(items, VoiceFrontEnd(), cache, speeds) for speeds in distillation.SPEEDS]
    heard = [voice.features(net, [clips[row] for row in inside])[:, listened] for clips in copies]
    for column, (head, labels) in enumerate(voice.HEADS.items()):
        rows = targets[:, column] != voice.ABSENT
        layer = regression.fit(
            np.concatenate([features[rows] for features in heard]),
            np.tile(targets[rows, column], len(copies)),
            np.tile(weights[rows], len(copies)),
            len(labels),
        )
        _place(net.heads[head], emotional.heads[head], layer, listened)
    run_dir.keep_run(runs / voice.joined(fold), net, run_dir.settings_of(runs / f"voice-{fold}"))
    return net.eval()


@torch.no_grad()
def _place(head, emotional, layer, listened):
    """Make a head say what both the other trunk's head and the layer over the columns ``listened`` say."""
    others = np.setdiff1d(np.arange(head.weight.shape[1]), listened)
    head.weight[:, others] = emotional.weight
    head.weight[:, listened] = TRUST * layer.weight
    head.bias.copy_(emotional.bias + TRUST * layer.bias)
