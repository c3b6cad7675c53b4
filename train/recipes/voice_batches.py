"""Batches of windows of voice clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from emorec.inference.voice_pooling import SILENT
from emorec.models.networks import VoiceNet
from train.data import augment

CROP_HOPS = 8  # 2.05 s; length of a training window. Half of the clips hold less speech

Clip = tuple[np.ndarray, np.ndarray]  # log-mel (n_mels, T) and speech (T / 16,)


class Batches:
    """Random windows of clips around their speech, sampled with the given weights."""

    def __init__(
        self, clips: Sequence[Clip], targets: np.ndarray, weights: np.ndarray, batch_size: int, hops: int = CROP_HOPS
    ):
        self.clips, self.targets, self.batch_size = clips, torch.from_numpy(targets), batch_size
        self.hops = hops
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return len(self.clips) // self.batch_size

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        rows = generator.choice(len(self.clips), size=len(self) * self.batch_size, p=self.weights)
        for part in rows.reshape(-1, self.batch_size):
            windows = [window(*self.clips[int(row)], generator, self.hops) for row in part]
            yield *make_batch(windows), self.targets[torch.from_numpy(part)]


def make_batch(windows: Sequence[tuple[np.ndarray, ...]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows as a batch: log-mel (N, n_mels, T) and speech (N, T / 16), augmented."""
    log_mel = torch.from_numpy(np.stack([w[0] for w in windows])).float()
    speech = torch.from_numpy(np.stack([w[1] for w in windows]))
    log_mel, speech = augment.voices(log_mel, speech)
    return log_mel, speech.clamp_min(SILENT)


def window(
    log_mel: np.ndarray,
    speech: np.ndarray,
    generator: np.random.Generator,
    hops: int = CROP_HOPS,
    targets: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    """A random window of ``hops`` hops that overlaps the speech of a clip; short clips are padded with their minimum.

    ``log_mel`` (n_mels, T), ``speech`` (T / 16,) and, if given, ``targets`` (T / 16, D) are cut alike.
    """
    per_hop = VoiceNet.FRAMES_PER_HOP
    spoken = np.flatnonzero(speech > 0.3)
    first, last = (spoken[0], spoken[-1] + 1) if len(spoken) else (0, len(speech))
    low, high = min(first, max(last - hops, 0)), max(last - hops, first)
    start = generator.integers(low, high + 1)
    start = int(np.clip(start, 0, max(len(speech) - hops, 0)))
    log_mel = log_mel[:, start * per_hop : (start + hops) * per_hop]
    speech = speech[start : start + hops]
    targets = None if targets is None else targets[start : start + hops]
    missing = hops - len(speech)
    if missing:
        before = int(generator.integers(missing + 1))
        pad = (before * per_hop, (missing - before) * per_hop)
        log_mel = np.pad(log_mel, ((0, 0), pad), constant_values=log_mel.min())
        speech = np.pad(speech, (before, missing - before))
        targets = None if targets is None else np.pad(targets, ((before, missing - before), (0, 0)))
    return (log_mel, speech) if targets is None else (log_mel, speech, targets)
