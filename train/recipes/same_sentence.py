"""Recordings of the sentence of a clip in other voices, aligned with the clip: more voices for the same mouths.

The frames of two recordings of a sentence are paired by dynamic time warping (Sakoe and Chiba, 1978) of cepstral
coefficients, so the sound of another person can stand for that of the clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

COEFFICIENTS = 13  # of the cepstrum
QUIETEST = 4.0  # in units of the log-mel, below its highest value; what is quieter counts as silence
# Cost of going on by 0 to 3 frames of the other sound for each frame of the clip, beside that of the frames themselves.
STEP_COSTS = (0.4, 0.0, 0.4, 0.8)
END_COST = 0.02  # of each frame of the other sound that is left out at its begin or end
KEPT = 0.5  # share of the sounds that is used: those that fit best


@dataclass(frozen=True)
class OtherVoice:
    """The sentence of a clip in the voice of ``actor``: ``log_mel`` (mels, T); its ``frames`` (N,) for the clip's."""

    actor: str
    log_mel: torch.Tensor
    frames: torch.Tensor

    def at_times_of_clip(self) -> torch.Tensor:
        """The log-mel (mels, N) at the times of the clip."""
        return self.log_mel[:, self.frames]


def sentence_of(stem: str) -> str:
    """The sentence of a Javanese recording named actor-sentence-emotion_repetition."""
    return stem.split("-")[1]


def recordings_of(data: Path, actors: tuple[str, ...]) -> Iterator[Path]:
    """The recordings of actors without pictures; none if the corpus is missing."""
    found = sorted((data / "JavaneseAudio").rglob("*-*-*_*.*"))
    return (file for file in found if file.stem.split("-")[0] in actors)


def find_other_voices(stem: str, log_mel: torch.Tensor, sounds: Mapping[str, torch.Tensor]) -> tuple[OtherVoice, ...]:
    """Find the ``sounds`` of the sentence of a clip that fit it best, without its own.

    ``log_mel`` (mels, N) is that of the clip called ``stem``, ``sounds`` are those of recordings by their stems.
    """
    others = [name for name in sounds if name != stem and sentence_of(name) == sentence_of(stem)]
    if not others:
        return ()
    frames, costs = align(_cepstrum(log_mel), [_cepstrum(sounds[name]) for name in others])
    best = np.argsort(costs, kind="stable")[: max(1, round(KEPT * len(others)))]
    return tuple(
        OtherVoice(others[index].split("-")[0], sounds[others[index]], torch.from_numpy(frames[index]))
        for index in sorted(best)
    )


def align(clip: np.ndarray, others: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Align K recordings (T, D) with a clip (N, D): their frames (K, N) for those of the clip, and mean costs (K,)."""
    longest, lengths = max(map(len, others)), np.array([len(other) for other in others])
    padded = np.zeros((len(others), longest, clip.shape[1]), np.float32)
    for row, other in enumerate(others):
        padded[row, : len(other)] = other
    products = np.einsum("nd,ktd->knt", clip, padded, optimize=True)
    apart = np.square(clip).sum(1)[None, :, None] + np.square(padded).sum(2)[:, None] - 2 * products
    apart = apart / clip.shape[1]
    place = np.arange(longest)[None]
    apart = np.where((place >= lengths[:, None])[:, None], 1e3, apart)
    total = apart[:, 0] + END_COST * place
    steps = np.zeros(apart.shape, np.int8)  # by how many frames the best path came here
    for frame in range(1, len(clip)):
        before = [np.pad(total, ((0, 0), (by, 0)), constant_values=1e6)[:, :longest] for by in range(len(STEP_COSTS))]
        candidates = np.stack([one + cost for one, cost in zip(before, STEP_COSTS, strict=True)])
        steps[:, frame] = candidates.argmin(axis=0)
        total = candidates.min(axis=0) + apart[:, frame]
    rows = np.arange(len(others))
    at = (total + END_COST * np.maximum(lengths[:, None] - 1 - place, 0)).argmin(axis=1)
    costs, frames = total[rows, at] / len(clip), np.zeros(apart.shape[:2], int)
    for frame in range(len(clip) - 1, -1, -1):
        frames[:, frame] = at
        at = at - steps[rows, frame, at]
    return frames, costs


def _cepstrum(log_mel: torch.Tensor) -> np.ndarray:
    """Normalised cepstral coefficients and their slopes (T, 2 * COEFFICIENTS) of log-mel (mels, T)."""
    values = log_mel.numpy().astype(np.float32)
    values = np.maximum(values, values.max() - QUIETEST)
    bands = len(values)
    waves = np.cos(np.pi / bands * (np.arange(bands) + 0.5) * np.arange(COEFFICIENTS)[:, None]).astype(np.float32)
    found = waves @ values / bands
    found = found - found.mean(axis=1, keepdims=True)
    found /= found.std(axis=1, keepdims=True) + 1e-3
    found[0] *= 1.5  # loudness
    return np.concatenate([found, 2 * np.gradient(found, 2, axis=1)]).T
