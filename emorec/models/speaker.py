"""The speaker network: whether a mouth and a sound belong together. It is bundled, and part of no checkpoint.

A picture of a mouth and the sound around the same moment are mapped to vectors whose inner product is large if they
belong together: an open mouth to a vowel, closed lips to a pause. It was trained by train/recipes/speaker.py.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from emorec.models import bundled
from emorec.voice.features import FRAMES_PER_HOP

SIZE = 48  # pixels; side of an aligned crop of a face
MOUTH = (slice(24, 48), slice(12, 36))  # rows and columns of the mouth in a crop of SIZE
SIDE = 24  # pixels; side of the mouth's picture
BANDS = 16  # of the log-mel
MOUTH_CHANNELS, SOUND_CHANNELS = (36, 72, 96), (72, 96)
DIMENSIONS = 16
STEPS = 4  # vectors of sound in a hop, 64 ms apart
FRAMES_PER_STEP = FRAMES_PER_HOP // STEPS
WEIGHTS_FILE = bundled.FOLDER / "speaker.safetensors"


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    """3x3 convolution that halves the side, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class SpeakerNet(nn.Module):
    """A network for mouths and one for sound; ``scale`` is the factor of the inner product of their vectors."""

    def __init__(self) -> None:
        super().__init__()
        widths = zip((1, *MOUTH_CHANNELS), MOUTH_CHANNELS, strict=False)
        self.mouth_layers = nn.Sequential(*(_convolution(*pair) for pair in widths))
        self.mouth_head = nn.Linear(MOUTH_CHANNELS[-1] * (SIDE // 8) ** 2, DIMENSIONS)
        first, second = SOUND_CHANNELS
        self.sound_layers = nn.Sequential(
            nn.Conv1d(BANDS, first, 5, 2, 2),
            nn.BatchNorm1d(first),
            nn.ReLU(inplace=True),
            nn.Conv1d(first, second, 5, 2, 2),
            nn.BatchNorm1d(second),
            nn.ReLU(inplace=True),
            nn.Dropout(0.2),
            nn.Conv1d(second, DIMENSIONS, 3, 1, 1),
        )
        self.scale = nn.Parameter(torch.zeros(()))

    def mouth(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures of mouths (N, 1, SIDE, SIDE) in [0, 1] -> (N, DIMENSIONS)."""
        mean = pictures.mean(dim=(2, 3), keepdim=True)
        x = (pictures - mean) / (pictures.std(dim=(2, 3), keepdim=True) + 0.016)
        return self.mouth_head(F.dropout(self.mouth_layers(x).flatten(1), 0.3, self.training))

    def sound(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Log-mel (N, mels, T), T a multiple of 4 -> (N, DIMENSIONS, T / 4)."""
        bands = F.adaptive_avg_pool2d(log_mel.unsqueeze(1), (BANDS, log_mel.shape[2])).squeeze(1)
        return self.sound_layers(bands) * self.scale.exp() / DIMENSIONS**0.5


@cache
def load(file: Path = WEIGHTS_FILE) -> SpeakerNet:
    """The network with the weights of a safetensors file, ready for inference.

    Raises EmorecError if the file cannot be read or does not hold this network.
    """
    return bundled.read(SpeakerNet(), file, "speaker")


@cache
def fingerprint(file: Path = WEIGHTS_FILE) -> str:
    """SHA-256 of the weights file, in hexadecimal. Raises EmorecError if it cannot be read."""
    return bundled.fingerprint(file)


@torch.inference_mode()
def embed_mouths(network: SpeakerNet, crops: np.ndarray) -> np.ndarray:
    """Aligned grey faces uint8 (N, S, S) -> vectors (N, DIMENSIONS) float32 of their mouths."""
    if not len(crops):
        return np.zeros((0, DIMENSIONS), np.float32)
    rows, columns = (slice(*(end * crops.shape[1] // SIZE for end in (part.start, part.stop))) for part in MOUTH)
    pictures = torch.from_numpy(np.ascontiguousarray(crops[:, rows, columns])).unsqueeze(1).float() / 255
    if pictures.shape[2:] != (SIDE, SIDE):
        pictures = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", align_corners=False)
    return network.mouth(pictures).numpy()


@torch.inference_mode()
def embed_sound(network: SpeakerNet, log_mel: torch.Tensor) -> np.ndarray:
    """Log-mel (mels, T), T a multiple of a hop -> (hops, STEPS * DIMENSIONS) float32, the steps one after another."""
    steps = network.sound(log_mel.unsqueeze(0))[0].T
    return steps.reshape(-1, STEPS * DIMENSIONS).numpy()
