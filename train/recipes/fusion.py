"""Recipe of the fusion network: audio-visual clips, and pairs of a face and a voice that share a label.

People are held out by fold. For fold k no clip shows people of fold k, and voices have the features of the voice
network of fold k. That was trained on the people of the other folds, so also on the speakers of these clips, whose
voices it reads better than those of new people; only the acted voices of the pairs are new to it. Fusion is measured
on the clips of fold k, which neither network was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from emorec.emotions import EMOTIONS, folding_matrix
from emorec.inference import fusion
from emorec.inference import prior as priors
from emorec.models.calibration import Calibration
from emorec.models.checkpoint import Checkpoint
from emorec.models.config import FusionConfig
from emorec.models.networks import FaceNet, FusionNet, VoiceNet
from train import calibration as calibrate
from train.recipes.samples import Samples, out_of_fold, pairs, real_clips

STEPS = 300
BATCH = 64
LR = 1e-3
WEIGHT_DECAY = 0.05
SMOOTHING = 0.1
DROP_MODALITY = 0.15  # share of training rows without their face, and as many without their voice
FACE_START = 0.3  # initial scale of the face head's logits: on video they are far too confident
UNKNOWN_LOGIT = -2.0  # of an emotion without a label: unlikely, but the other modality can outweigh it
REAL_SHARE = 0.7  # share of real clips in a batch; the rest are pairs


def new_net(face_net: FaceNet, voice_net: VoiceNet) -> FusionNet:
    """A FusionNet whose linear layers are the encoders' own heads."""
    config = FusionConfig(
        labels=EMOTIONS,
        face_features=face_net.config.widths[-1],
        voice_features=2 * voice_net.config.embedding,
    )
    net = FusionNet(config)
    with torch.no_grad():
        _init_from_head(net.face_alone, face_net.head, face_net.config.labels, FACE_START)
        _init_from_head(net.voice_alone, voice_net.heads["emotions"], voice_net.config.heads["emotions"], 1.0)
        net.head.weight.mul_(0.1)
    return net


def _init_from_head(layer: nn.Linear, head: nn.Module, labels: Sequence[str], scale: float) -> None:
    """Set a layer over the seven emotions to a head over native labels, with its logits multiplied by ``scale``.

    The logits of labels of the same emotion are averaged; an emotion without a label gets UNKNOWN_LOGIT.
    """
    assert isinstance(head, nn.Linear)
    matrix = torch.from_numpy(folding_matrix(labels)).T
    known = matrix.sum(dim=1) > 0
    matrix = matrix / matrix.sum(dim=1, keepdim=True).clamp_min(1)
    layer.weight.copy_(matrix @ head.weight * scale)
    layer.bias.copy_(torch.where(known, matrix @ head.bias * scale, UNKNOWN_LOGIT))


def train(real: Samples, paired: Samples, face_net: FaceNet, voice_net: VoiceNet, seed: int = 0) -> FusionNet:
    """Train a FusionNet on real clips (Samples) and pairs (Samples); returns it in evaluation mode."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    net = new_net(face_net, voice_net).train()
    alone = [*net.face_alone.parameters(), *net.voice_alone.parameters()]
    rest = [p for p in net.parameters() if not any(p is q for q in alone)]
    groups = [{"params": alone, "lr": LR / 10, "weight_decay": 0.0}, {"params": rest, "lr": LR}]
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=[LR / 10, LR], total_steps=STEPS)
    real_count = int(BATCH * REAL_SHARE)
    for _ in range(STEPS):
        parts = (
            real.only(generator.integers(len(real), size=real_count)),
            paired.only(generator.integers(len(paired), size=BATCH - real_count)),
        )
        inputs = [np.concatenate([column(part) for part in parts]) for column in COLUMNS]
        logits = net(*drop_modalities(inputs, generator))
        truth = torch.from_numpy(np.concatenate([part.truth for part in parts]))
        loss = F.cross_entropy(logits, truth, label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        cycle.step()
    return net.eval()


COLUMNS = (
    lambda samples: samples.face_features,
    lambda samples: samples.voice_features,
    lambda samples: ~np.isnan(samples.face_probabilities[:, 0]),
    lambda samples: ~np.isnan(samples.voice_probabilities[:, 0]),
)


def drop_modalities(
    inputs: Sequence[np.ndarray], generator: np.random.Generator, share: float = DROP_MODALITY
) -> list[torch.Tensor]:
    """Inputs of FusionNet with modality dropout: a share of rows without a face, as many without a voice, none without
    both."""
    face_features, voice_features, has_face, has_voice = inputs
    draw = generator.random(len(has_face))
    has_face = has_face & ~((draw < share) & has_voice)
    has_voice = has_voice & ~((draw > 1 - share) & has_face)
    return [torch.from_numpy(np.asarray(x, np.float32)) for x in (face_features, voice_features, has_face, has_voice)]


@torch.inference_mode()
def predict(net: FusionNet, samples: Samples) -> np.ndarray:
    """Raw probabilities (N, 7) of intermediate fusion."""
    net.eval()
    device = next(net.parameters()).device
    inputs = [torch.from_numpy(np.asarray(column(samples), np.float32)).to(device) for column in COLUMNS]
    return fusion.softmax(net(*inputs).cpu().numpy().astype(np.float64))


def ways(
    samples: Samples, fused: np.ndarray, calibration: Calibration, log_prior: np.ndarray = calibrate.EVEN
) -> dict[str, np.ndarray]:
    """Probabilities (N, 7) by modality and fusion, under a prior; ``fused`` are the raw ones of intermediate fusion."""
    face_likelihood = calibration.face.log_likelihood(samples.face_probabilities)
    voice_likelihood = calibration.voice.log_likelihood(samples.voice_probabilities)
    evidence = (
        fusion.evidence(face_likelihood, samples.face_coverage, samples.seconds),
        fusion.evidence(voice_likelihood, samples.voice_coverage, samples.seconds),
    )
    face, voice = (
        priors.posterior(fusion.weighted(one, weight), log_prior)
        for one, weight in zip((face_likelihood, voice_likelihood), evidence, strict=True)
    )
    joint = fusion.weighted(calibration.fusion.log_likelihood(fused), np.maximum(*evidence))
    joint[np.maximum(*evidence) <= 0] = np.nan
    return {
        "face": face,
        "voice": voice,
        "mean": fusion.mean(face, voice),
        "late": priors.posterior(fusion.late(face_likelihood, voice_likelihood, *evidence, calibration), log_prior),
        "intermediate": priors.posterior(joint, log_prior),
    }


def cross_fit(
    data: Path, face_net: FaceNet, voice_nets: dict[int, VoiceNet], cache: Path
) -> tuple[dict[int, FusionNet], Samples, np.ndarray]:
    """Fusion networks and out-of-fold predictions for every fold with audio-visual clips.

    Returns the networks by fold, the out-of-fold clips as Samples, and their raw fused probabilities (N, 7).
    """
    models = {
        fold: Checkpoint(face=face_net, voice=net, fusion=new_net(face_net, net)) for fold, net in voice_nets.items()
    }
    real = real_clips(data, models, cache)
    nets, fused = {}, []
    for fold, clips in real.items():
        generator = np.random.default_rng([7, fold])
        paired = pairs(data, face_net, voice_nets[fold], fold, cache, generator)
        nets[fold] = train(clips.only(clips.fold != fold), paired, face_net, voice_nets[fold])
        fused.append(predict(nets[fold], clips.only(clips.fold == fold)))
    return nets, out_of_fold(real), np.concatenate(fused)
