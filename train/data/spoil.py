"""Spoil aligned faces as videos and webcams do: pose, side light, few pixels, motion, noise and compression."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch.nn import functional as F

SHARE = 0.4  # of the faces that are spoilt at all
KIND = 0.25  # of these, for each kind


def faces(crops: torch.Tensor) -> torch.Tensor:
    """Crops (N, 1, S, S) in [0, 1] -> the same shape; more than half stay as they are."""
    chosen = torch.rand(len(crops)) < SHARE
    if not chosen.any():
        return crops
    spoilt = crops[chosen]
    for kind in (turned, lit, moved, shrunk, noisy, compressed):
        rows = torch.rand(len(spoilt)) < KIND
        if rows.any():
            spoilt[rows] = kind(spoilt[rows])
    crops = crops.clone()
    crops[chosen] = spoilt.clamp(0, 1)
    return crops


def turned(crops: torch.Tensor) -> torch.Tensor:
    """Seen from the side, from above or from below: narrowed, and nearer parts enlarged."""
    n, _, size, _ = crops.shape
    line = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(line, line, indexing="ij")
    tilt = _uniform(2 * n, -0.25, 0.25).view(2, n, 1, 1)
    depth = 1 + tilt[0] * x + tilt[1] * y
    narrowed, shear = _uniform(n, 1.0, 1.25).view(n, 1, 1), _uniform(n, -0.15, 0.15).view(n, 1, 1)
    grid = torch.stack([(narrowed * x + shear * y) / depth, y / depth], dim=-1)
    return F.grid_sample(crops, grid, padding_mode="border", align_corners=True)


def lit(crops: torch.Tensor) -> torch.Tensor:
    """Lit from one side, and too dark or too bright."""
    n, _, size, _ = crops.shape
    line = torch.linspace(-1, 1, size)
    angle = _uniform(n, 0, 2 * np.pi).view(n, 1, 1, 1)
    ramp = torch.cos(angle) * line.view(1, 1, 1, -1) + torch.sin(angle) * line.view(1, 1, -1, 1)
    strength, exposure = _uniform(n, 0, 1).view(n, 1, 1, 1), _uniform(n, -0.9, 0.5).view(n, 1, 1, 1)
    return (crops * torch.exp(strength * ramp + exposure)).clamp(0, 1)


def moved(crops: torch.Tensor) -> torch.Tensor:
    """Blurred by movement along a line of 3 to 5 pixels, the same for the whole batch."""
    length, angle = int(torch.randint(3, 6, ())), float(torch.rand(())) * np.pi
    steps = (torch.arange(length) - (length - 1) / 2).numpy()
    kernel = torch.zeros(7, 7)
    for step in steps:
        kernel[round(3 + step * np.sin(angle)), round(3 + step * np.cos(angle))] += 1 / length
    return F.conv2d(F.pad(crops, (3, 3, 3, 3), mode="replicate"), kernel.view(1, 1, 7, 7))


def shrunk(crops: torch.Tensor) -> torch.Tensor:
    """Of 16 to 36 pixels, enlarged again; the same for the whole batch."""
    small, size = int(torch.randint(16, 37, ())), crops.shape[-1]
    soft = F.interpolate(crops, size=(small, small), mode="area")
    return F.interpolate(soft, size=(size, size), mode="bilinear", align_corners=False)


def noisy(crops: torch.Tensor) -> torch.Tensor:
    """With noise of single pixels, or of spots of two."""
    n, _, size, _ = crops.shape
    fine = torch.randn_like(crops)
    coarse = F.interpolate(torch.randn(n, 1, size // 2, size // 2), size=(size, size), mode="bilinear")
    amount = _uniform(n, 0.01, 0.05).view(n, 1, 1, 1)
    return crops + amount * torch.where((torch.rand(n) < 0.5).view(n, 1, 1, 1), fine, 1.5 * coarse)


def compressed(crops: torch.Tensor) -> torch.Tensor:
    """Compressed as a picture of one to three times as many pixels, in blocks of eight."""
    size = crops.shape[-1]
    out = []
    for crop in (crops.squeeze(1).clamp(0, 1) * 255).byte().numpy():
        side = round(size * float(torch.empty(()).uniform_(1, 3)))
        large = cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR)
        quality = int(torch.randint(6, 40, ()))
        _, coded = cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
        out.append(cv2.resize(decoded, (size, size), interpolation=cv2.INTER_AREA))
    return torch.from_numpy(np.stack(out)).unsqueeze(1).float() / 255


def _uniform(n: int, low: float, high: float) -> torch.Tensor:
    return torch.rand(n) * (high - low) + low
