"""A speaker's usual voice in a recording, as the baseline that the voice network's head "relative" needs.

Voices, microphones and rooms differ from one recording to the next by a nearly constant offset, which the head for
single windows can take for an emotion. The head "relative" is fitted to voices less their speaker's mean
(train/recipes/voice_baseline.py). It is linear, so at inference the mean of its logits is subtracted from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS, fold
from emorec.inference.fusion import softmax
from emorec.inference.voice_pooling import RELATIVE
from emorec.models.checkpoint import Checkpoint

FUSIONS = ("late", "voice")  # that use it; intermediate fusion has a network of its own

# With up to LEAST windows with full evidence there is no baseline; with SHRINKAGE windows more, it has half its weight.
# Chosen on simulated recordings of 6 to 128 windows by people held out of training: the loss is flat between 2 and 8 of
# either (train/RECIPES.md).
LEAST = 4.0
SHRINKAGE = 4.0
# How far the mean log likelihood of another emotion exceeds that of neutral, by the head for single windows, where the
# baseline begins to count less, and where it no longer counts: a speaker who is angry throughout must not become the
# standard of calm. Of calm and mixed recordings 2 % reach the middle, of those with one acted emotion 64 to 89 %.
DOUBT = (1.5, 2.5)

NOTE = (
    "Voices are read relative to the speaker's usual voice in this recording. If one emotion lasts throughout, or "
    "several people speak whom the program cannot tell apart, choose no baseline."
)
MISSING = (
    "These weights have no layer for voices relative to the speaker's usual voice, so voices are read as without a "
    "baseline."
)

NEUTRAL = EMOTIONS.index("neutral")


@dataclass(frozen=True)
class Baseline:
    """The mean ``logits`` (labels of the head,) of a speaker's speech, and the ``weight`` of the head "relative".

    The weight goes from 0 (only the head for single windows counts) to below 1.
    """

    logits: np.ndarray
    weight: float


def available(model: Checkpoint) -> bool:
    """Whether a model's voice network has the head "relative"."""
    return RELATIVE in model.voice.config.heads


def baseline_of_speaker(logits: np.ndarray, voice: np.ndarray, evidence: np.ndarray) -> Baseline | None:
    """The baseline of a speaker from windows side by side; None if there is too little speech for one.

    ``logits`` (N, labels) are those of the head "relative", ``voice`` (N, 7) the log likelihoods of the head for single
    windows, and ``evidence`` (N,) the number of windows with full evidence that each window is worth.
    """
    heard = evidence > 0
    total = float(evidence[heard].sum())
    if total <= LEAST:
        return None
    weight = (total - LEAST) / (total - LEAST + SHRINKAGE) * (1 - _doubt(voice[heard], evidence[heard]))
    if weight <= 0:
        return None
    return Baseline(np.average(logits[heard], axis=0, weights=evidence[heard]), weight)


def baselines_of_speakers(
    speaker: np.ndarray, logits: np.ndarray, voice: np.ndarray, evidence: np.ndarray
) -> dict[int, Baseline]:
    """The baselines, by number, of all speakers with enough speech for one; arguments as for ``baseline_of_speaker``.

    ``speaker`` (N,) is who speaks in each window. One baseline for all is wrong for a voice in another room or on
    another microphone: all that differs from the others would look like an emotion.
    """
    found = {
        int(number): baseline_of_speaker(*(values[speaker == number] for values in (logits, voice, evidence)))
        for number in np.unique(speaker)
    }
    return {number: baseline for number, baseline in found.items() if baseline}


def _doubt(voice: np.ndarray, evidence: np.ndarray) -> float:
    """From 0 (the speaker is mostly calm, as far as can be heard) to 1 (another emotion prevails)."""
    mean = np.average(voice, axis=0, weights=evidence)
    margin = np.delete(mean, NEUTRAL).max() - mean[NEUTRAL]
    return float(np.clip((margin - DOUBT[0]) / (DOUBT[1] - DOUBT[0]), 0.0, 1.0))


def apply_baselines(
    voice: np.ndarray,
    logits: np.ndarray,
    speaker: np.ndarray,
    baselines: Mapping[int, Baseline],
    model: Checkpoint,
) -> np.ndarray:
    """``voice``, the log likelihoods (N, 7) of the head for single windows, relative to the baselines of the speakers.

    ``logits`` (N, labels) are those of the head "relative", ``speaker`` (N,) is who speaks in each window. Windows of
    speakers without a baseline stay as they are.
    """
    found = voice.copy()
    for number, baseline in baselines.items():
        rows = speaker == number
        found[rows] = weight_heads(voice[rows], relative_log_likelihoods(logits[rows], baseline, model), baseline)
    return found


def weight_heads(voice: np.ndarray, relative: np.ndarray, baseline: Baseline) -> np.ndarray:
    """Log likelihoods (N, 7) of the heads for single windows and "relative", weighted by the baseline."""
    return baseline.weight * relative + (1 - baseline.weight) * voice


def relative_log_likelihoods(logits: np.ndarray, baseline: Baseline, model: Checkpoint) -> np.ndarray:
    """Log likelihoods (N, 7) of the head "relative" for its logits (N, labels) in windows; NaN stays NaN."""
    head: Any = model.voice.heads[RELATIVE]
    bias = head.bias.detach().cpu().numpy().astype(np.float64)
    probabilities = fold(softmax(logits - baseline.logits + bias), model.voice.config.heads[RELATIVE])
    return model.calibration.relative.log_likelihood(probabilities)
