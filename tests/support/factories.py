"""Objects for the tests: small random networks, invented observations, and timelines."""

import numpy as np
import torch
from hypothesis import settings
from torch import nn

from emorec.emotions import EMOTIONS
from emorec.extraction.features import Features
from emorec.inference import prior as priors
from emorec.inference.timeline import Timeline
from emorec.models.checkpoint import Checkpoint
from emorec.models.config import FaceConfig, FusionConfig, VoiceConfig
from emorec.models.networks import FaceNet, FusionNet, VoiceNet

# Both have a label that is none of the seven emotions.
FACE_LABELS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
VOICE_LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

FACE_CONFIG = FaceConfig(labels=FACE_LABELS, size=16, widths=(4, 6))
VOICE_CONFIG = VoiceConfig(
    heads={"emotions": VOICE_LABELS, "other": ("sad", "happy")}, widths=(4, 4, 6, 8), embedding=5
)
FUSION_CONFIG = FusionConfig(labels=EMOTIONS, face_features=6, voice_features=10, hidden=8)

FRAME_RATE = 5  # sampled frames a second
HOP_SECONDS = 0.256

# The same examples in every run, and no deadline: the machine may be busy.
quick = settings(deadline=None, derandomize=True, max_examples=50)


def lively(network, seed=0):
    """The network with random weights that are large enough for every input to change the output; ready for use."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            inputs = module.weight[0].numel()
            nn.init.normal_(module.weight, std=(2 / inputs) ** 0.5, generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.5, generator=generator)
    return network.eval().requires_grad_(False)


def face_net(config=FACE_CONFIG, seed=0):
    return lively(FaceNet(config), seed)


def voice_net(config=VOICE_CONFIG, seed=0):
    return lively(VoiceNet(config), seed)


def fusion_net(config=FUSION_CONFIG, seed=0):
    return lively(FusionNet(config), seed)


def checkpoint(seed=0, **facts):
    """A checkpoint of three tiny networks."""
    return Checkpoint(
        face=face_net(seed=seed), voice=voice_net(seed=seed + 1), fusion=fusion_net(seed=seed + 2), **facts
    )


def no_observations(face_width=FACE_CONFIG.widths[-1], voice_width=VOICE_CONFIG.embedding):
    """Every array of observations, without rows."""
    return {
        "frame_time": np.zeros(0),
        "frame_until": np.zeros(0),
        "face_time": np.zeros(0),
        "face_person": np.zeros(0, np.int64),
        "face_box": np.zeros((0, 4), np.float32),
        "face_score": np.zeros(0, np.float32),
        "face_quality": np.zeros(0, np.float32),
        "face_embedding": np.zeros((0, face_width), np.float16),
        "face_logits": np.zeros((0, len(FACE_LABELS)), np.float32),
        "voice_time": np.zeros(0),
        "voice_speech": np.zeros(0, np.float32),
        "voice_loudness": np.zeros(0, np.float32),
        "voice_embedding": np.zeros((0, voice_width), np.float16),
    }


def frame_times(duration):
    """Times of the sampled frames of a recording, between its ends."""
    return (np.arange(frames(duration)) + 0.5) / FRAME_RATE


def frames(duration):
    """Number of sampled frames that a recording has."""
    return int(duration * FRAME_RATE)


def seen(times, persons, seed=0, width=FACE_CONFIG.widths[-1]):
    """Arrays of one face at each time, each of the person named, with random looks."""
    random = np.random.default_rng(seed)
    count = len(times)
    return {
        "face_time": np.asarray(times, np.float64),
        "face_person": np.broadcast_to(np.asarray(persons, np.int64), count),
        "face_box": random.uniform(0, 0.5, (count, 4)).astype(np.float32),
        "face_score": random.uniform(0.6, 1, count).astype(np.float32),
        "face_quality": random.uniform(0, 1, count).astype(np.float32),
        "face_embedding": random.normal(0, 1, (count, width)).astype(np.float16),
        "face_logits": random.normal(0, 2, (count, len(FACE_LABELS))).astype(np.float32),
    }


def heard(speech, seed=0, width=VOICE_CONFIG.embedding):
    """Arrays of the hops from 0 on, with the given probabilities of speech and random sounds."""
    random = np.random.default_rng(seed + 1)
    count = len(speech)
    return {
        "voice_time": (np.arange(count) + 0.5) * HOP_SECONDS,
        "voice_speech": np.asarray(speech, np.float32),
        "voice_loudness": random.uniform(-60, 0, count).astype(np.float32),
        "voice_embedding": np.abs(random.normal(0, 1, (count, width))).astype(np.float16),
    }


def hops(duration):
    """Number of voice hops that a recording has."""
    return int(np.ceil(duration / HOP_SECONDS))


def observations(until, *parts, frames=True, **facts):
    """Features of ``until`` seconds: frames at FRAME_RATE, and the arrays that ``seen`` and ``heard`` gave."""
    segment = no_observations()
    if frames:
        segment["frame_time"] = frame_times(until)
        segment["frame_until"] = np.append(segment["frame_time"][1:], until)[: len(segment["frame_time"])]
    for part in parts:
        segment |= part
    facts = {"duration": until, "complete": True, "media": {"name": "made.mp4"}} | facts
    return Features(until=until, segments=(segment,), empty=no_observations(), **facts)


def full_observations(until, seed=0, **facts):
    """One person seen in every frame, and speech all the time."""
    return observations(until, seen(frame_times(until), 0, seed), heard(np.ones(hops(until)), seed), **facts)


def probabilities(rows, seed=0):
    """Random probabilities (rows, 7)."""
    return np.random.default_rng(seed).dirichlet(np.ones(len(EMOTIONS)), rows)


def sure(emotion):
    """Probabilities (7,) of a row that is nearly certain."""
    return np.where(np.array(EMOTIONS) == emotion, 0.94, 0.01)


def timeline(probabilities, step=1.0, **columns):
    """A timeline with one row a step for probabilities (N, 7), which have full evidence unless they are NaN.

    The coverage of a row is that of its window, unless ``columns`` say something else.
    """
    probabilities = np.asarray(probabilities, np.float64)
    count = len(probabilities)
    start = np.arange(count) * step
    columns = {"face_coverage": np.ones(count), "speech_coverage": np.zeros(count)} | columns
    return Timeline(
        **{
            "start": start,
            "end": start + step,
            "person": np.zeros(count, int),
            "probabilities": probabilities,
            "face": probabilities.copy(),
            "voice": np.full_like(probabilities, np.nan),
            "row_face": columns["face_coverage"],
            "row_speech": columns["speech_coverage"],
            "evidence": np.where(np.isnan(probabilities).any(axis=1), 0.0, 1.0),
            "disagreement": np.full(count, np.nan),
            "fusion": "late",
            "step": step,
            "window": 3.0,
            "prior": priors.resolve("even"),
            "duration": count * step,
            "complete": True,
            "media": {"name": "made.mp4"},
            "notes": (),
        }
        | columns
    )


def alternating(duration):
    """Features of one person who changes between two expressions every 8 s, and speaks in the first half."""
    times = frame_times(duration)
    face, first = seen(times, 0), np.floor(times / 8) % 2 == 0
    face["face_logits"] = np.where(first[:, None], np.eye(len(FACE_LABELS))[1], np.eye(len(FACE_LABELS))[3]) * 8.0
    speech = np.arange(hops(duration)) * HOP_SECONDS < duration / 2
    return observations(duration, face, heard(speech))


def with_gaps(probabilities, *rows):
    """Probabilities with NaN in some rows: no evidence."""
    out = probabilities.copy()
    out[list(rows)] = np.nan
    return out
