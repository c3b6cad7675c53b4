"""The fusion's recipe: real audio-visual clips, and pairs of a face and a voice that share a label.

People are held out by fold throughout. What is fitted for fold k uses, for every clip, features of the voice network
that never heard its speaker, and no clip of the people of fold k.
"""

import numpy as np
import torch
from torch.nn import functional as F

from emorec.emotions import EMOTIONS, folding_matrix
from emorec.inference import fusion
from emorec.inference import prior as priors
from emorec.models.checkpoint import Checkpoint
from emorec.models.config import FusionConfig
from emorec.models.networks import FusionNet
from train import calibration as calibrate
from train.recipes.samples import out_of_fold, pairs, real_clips

STEPS = 300
BATCH = 64
LR = 1e-3
WEIGHT_DECAY = 0.05
SMOOTHING = 0.1
DROP_MODALITY = 0.15  # share of training rows that lose their face, and as many that lose their voice
FACE_START = 0.3  # how much of the face head's logits is believed at first: on video they are too sure by far
UNKNOWN_LOGIT = -2.0  # of an emotion that a head does not know: unlikely, yet open to what the other modality says
REAL_SHARE = 0.7  # share of a batch that is real clips; the rest are pairs


def new_net(face_net, voice_net):
    """A FusionNet whose single-modality part is the encoders' own heads."""
    config = FusionConfig(
        labels=EMOTIONS,
        face_features=face_net.config.widths[-1],
        voice_features=2 * voice_net.config.embedding,
    )
    net = FusionNet(config)
    with torch.no_grad():
        _start(net.face_alone, face_net.head, face_net.config.labels, FACE_START)
        _start(net.voice_alone, voice_net.heads["emotions"], voice_net.config.heads["emotions"], 1.0)
        net.head.weight.mul_(0.1)
    return net


def _start(alone, head, labels, believed):
    """Make a layer over the seven emotions say what a head over native labels says, only ``believed`` times as loud.

    The logits of labels that share an emotion are averaged; an emotion that the head does not know is held unlikely.
    """
    matrix = torch.from_numpy(folding_matrix(labels)).T
    known = matrix.sum(dim=1) > 0
    matrix = matrix / matrix.sum(dim=1, keepdim=True).clamp_min(1)
    alone.weight.copy_(matrix @ head.weight * believed)
    alone.bias.copy_(torch.where(known, matrix @ head.bias * believed, UNKNOWN_LOGIT))


def train(real, paired, face_net, voice_net, seed=0):
    """Train a FusionNet on real clips (Samples) and pairs (Samples); returns it in evaluation mode."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    net = new_net(face_net, voice_net).train()
    alone = [*net.face_alone.parameters(), *net.voice_alone.parameters()]
    rest = [p for p in net.parameters() if not any(p is q for q in alone)]
    groups = [{"params": alone, "lr": LR / 10, "weight_decay": 0.0}, {"params": rest, "lr": LR}]
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=[LR / 10, LR], total_steps=STEPS)
    few = int(BATCH * REAL_SHARE)
    for _ in range(STEPS):
        parts = (
            real.only(generator.integers(len(real), size=few)),
            paired.only(generator.integers(len(paired), size=BATCH - few)),
        )
        inputs = [np.concatenate([column(part) for part in parts]) for column in COLUMNS]
        logits = net(*dropped(inputs, generator))
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


def dropped(inputs, generator, share=DROP_MODALITY):
    """Tensors for FusionNet in which a share of rows misses its face, as many their voice, none both by dropping."""
    face_features, voice_features, has_face, has_voice = inputs
    lot = generator.random(len(has_face))
    has_face = has_face & ~((lot < share) & has_voice)
    has_voice = has_voice & ~((lot > 1 - share) & has_face)
    return [torch.from_numpy(np.asarray(x, np.float32)) for x in (face_features, voice_features, has_face, has_voice)]


@torch.inference_mode()
def predict(net, samples):
    """Raw probabilities (N, 7) of intermediate fusion."""
    net.eval()
    device = next(net.parameters()).device
    inputs = [torch.from_numpy(np.asarray(column(samples), np.float32)).to(device) for column in COLUMNS]
    return fusion.softmax(net(*inputs).cpu().numpy().astype(np.float64))


def ways(samples, fused, calibration, log_prior=calibrate.EVEN):
    """Probabilities (N, 7) of samples in five ways, under a prior; ``fused`` are raw ones of intermediate fusion."""
    seen = calibration.face.log_likelihood(samples.face_probabilities)
    heard = calibration.voice.log_likelihood(samples.voice_probabilities)
    evidence = (
        fusion.evidence(seen, samples.face_coverage, samples.seconds),
        fusion.evidence(heard, samples.voice_coverage, samples.seconds),
    )
    face, voice = (
        priors.posterior(fusion.weighed(one, weight), log_prior)
        for one, weight in zip((seen, heard), evidence, strict=True)
    )
    joint = fusion.weighed(calibration.fusion.log_likelihood(fused), np.maximum(*evidence))
    joint[np.maximum(*evidence) <= 0] = np.nan
    return {
        "face": face,
        "voice": voice,
        "mean": fusion.mean(face, voice),
        "late": priors.posterior(fusion.late(seen, heard, *evidence, calibration), log_prior),
        "intermediate": priors.posterior(joint, log_prior),
    }


def cross_fit(data, face_net, voice_nets, cache):
    """Fusion networks and out-of-fold predictions for every fold with audio-visual clips.

    Returns the networks (a dict by fold), the clips as each fold's networks hear them out of fold (Samples), and their
    raw fused probabilities (N, 7), row by row.
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
