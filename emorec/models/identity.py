"""The identity network: which faces belong to the same person. It is bundled, and part of no checkpoint."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from emorec.models import bundled
from emorec.models.networks import Residual, convolution
from emorec.models.optimize import for_inference

SIZE = 64  # pixels; side of the aligned grey crop, framed as the face network's
DIMENSIONS = 128  # of an embedding
WIDTHS = (64, 96, 128)  # channels at 1/4, 1/8 and 1/16 of the input's side
REDUCED = 64  # channels of the last feature map, which the head reads at every position
BATCH = 32  # crops that are embedded at a time
WEIGHTS_FILE = bundled.FOLDER / "face_identity.safetensors"


class IdentityNet(nn.Module):
    """Residual CNN for one aligned face; the cosine of two embeddings says how alike two faces are."""

    def __init__(self) -> None:
        super().__init__()
        # Folding 4x4 patches into channels saves the layers at full resolution, which cost most and add little.
        layers: list[nn.Module] = [nn.PixelUnshuffle(4), convolution(16, WIDTHS[0]), Residual(WIDTHS[0])]
        for before, width in zip(WIDTHS[:-1], WIDTHS[1:], strict=True):
            layers += [convolution(before, width, stride=2), Residual(width)]
        del layers[-1]
        side = SIZE // 16
        self.trunk = nn.Sequential(
            *layers, nn.Conv2d(WIDTHS[-1], REDUCED, 1, bias=False), nn.BatchNorm2d(REDUCED), nn.ReLU(inplace=True)
        )
        # Every position of the map is read, not their mean: where an eye or a mouth lies tells people apart.
        self.head = nn.Linear(REDUCED * side * side, DIMENSIONS)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Crops (N, 1, SIZE, SIZE) in [0, 1] -> embeddings (N, DIMENSIONS) of unit length."""
        mean = crops.mean(dim=(2, 3), keepdim=True)
        x = (crops - mean) / (crops.std(dim=(2, 3), keepdim=True) + 0.05)
        x = x.to(next(self.trunk.parameters()).dtype).contiguous(memory_format=torch.channels_last)
        return F.normalize(self.head(self.trunk(x).float().flatten(1)), dim=1)


@cache
def load(file: Path = WEIGHTS_FILE) -> IdentityNet:
    """The network with the weights of a safetensors file, ready for inference.

    Raises EmorecError if the file cannot be read or does not hold this network.
    """
    return for_inference(bundled.read(IdentityNet(), file, "identity"))


@cache
def fingerprint(file: Path = WEIGHTS_FILE) -> str:
    """SHA-256 of the weights file, in hexadecimal. Raises EmorecError if it cannot be read."""
    return bundled.fingerprint(file)


@torch.inference_mode()
def embed(network: IdentityNet, crops: np.ndarray) -> np.ndarray:
    """Aligned grey crops uint8 (N, SIZE, SIZE) -> embeddings (N, DIMENSIONS) float32 of unit length."""
    if not len(crops):
        return np.zeros((0, DIMENSIONS), np.float32)
    batches = torch.from_numpy(crops).split(BATCH)
    return torch.cat([network(batch.unsqueeze(1).float() / 255) for batch in batches]).numpy()
