"""Augmentation of batches of tensors: geometry, light and occlusion of faces; tempo, pitch and masks of voices."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def faces(crops: torch.Tensor) -> torch.Tensor:
    """Crops (N, 1, S, S) in [0, 1] -> augmented crops of the same shape."""
    n, _, size, _ = crops.shape
    angle = _uniform(n, -0.26, 0.26)
    zoom = _uniform(n, 0.85, 1.15)
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    shift = _uniform(2 * n, -0.12, 0.12).view(2, n)
    theta = torch.stack(
        [torch.stack([cosine * flip, -sine, shift[0]], 1), torch.stack([sine * flip, cosine, shift[1]], 1)], 1
    )
    grid = F.affine_grid(theta, list(crops.shape), align_corners=False)
    crops = F.grid_sample(crops, grid, padding_mode="border", align_corners=False)
    crops = _blur_some(crops)
    gamma = torch.exp(_uniform(n, -0.4, 0.4)).view(n, 1, 1, 1)
    crops = crops.clamp(0, 1) ** gamma
    noise = (torch.rand(n) < 0.2).view(n, 1, 1, 1) * 0.04
    return erase((crops + noise * torch.randn_like(crops)).clamp(0, 1))


def _blur_some(crops: torch.Tensor) -> torch.Tensor:
    """Shrink and enlarge a fifth of the crops, as faces far from the camera look."""
    chosen = torch.rand(len(crops)) < 0.2
    if not chosen.any():
        return crops
    size = crops.shape[-1]
    small = int(torch.randint(size // 3, int(size * 0.75), ()))
    soft = F.interpolate(crops[chosen], size=(small, small), mode="area")
    crops[chosen] = F.interpolate(soft, size=(size, size), mode="bilinear", align_corners=False)
    return crops


def erase(images: torch.Tensor, share: float = 0.5, max_side: float = 0.5) -> torch.Tensor:
    """Random erasing (Zhong et al., 2017): a rectangle of a share of the images becomes their mean brightness."""
    n, _, height, width = images.shape
    high = _uniform(n, 0.12, max_side) * height
    wide = _uniform(n, 0.12, max_side) * width
    top, left = torch.rand(n) * (height - high), torch.rand(n) * (width - wide)
    rows, columns = torch.arange(height).view(1, -1, 1), torch.arange(width).view(1, 1, -1)
    inside = (rows >= top.view(-1, 1, 1)) & (rows < (top + high).view(-1, 1, 1))
    inside = inside & (columns >= left.view(-1, 1, 1)) & (columns < (left + wide).view(-1, 1, 1))
    inside = inside & (torch.rand(n) < share).view(-1, 1, 1)
    mean = images.mean(dim=(2, 3), keepdim=True)
    return torch.where(inside.unsqueeze(1), mean, images)


def voices(log_mel: torch.Tensor, speech: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-mel (N, n_mels, T) and hop weights (N, H) -> the same shapes, augmented.

    Resampling of both axes of the spectrogram changes tempo and vocal-tract length; then come level, spectral tilt, an
    added noise floor, and masks in time and frequency (SpecAugment, Park et al., 2019).
    """
    n, mels, frames = log_mel.shape
    tempo, warp = torch.exp(_uniform(n, -0.15, 0.15)), torch.exp(_uniform(n, -0.08, 0.08))
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = tempo, warp
    # Shifted in time too: max pooling must not always cut a clip at the same frames.
    theta[:, 0, 2] = _uniform(n, -0.06, 0.06)
    # Row -1 is the lowest mel band; stretching about it moves formants, not the bottom of the spectrogram.
    theta[:, 1, 2] = warp - 1 + _uniform(n, -0.04, 0.04)
    grid = F.affine_grid(theta, [n, 1, mels, frames], align_corners=False)
    x = F.grid_sample(log_mel.unsqueeze(1), grid, padding_mode="border", align_corners=False).squeeze(1)
    line = F.affine_grid(theta, [n, 1, 1, speech.shape[1]], align_corners=False)
    line[..., 1] = 0
    speech = F.grid_sample(speech.view(n, 1, 1, -1), line, align_corners=False).view(n, -1)

    x = x * _uniform(n, 0.9, 1.1).view(n, 1, 1) + _uniform(n, -0.1, 0.1).view(n, 1, 1)
    return _mask(_mask(_tilt_and_add_noise(x), 1, 10, 2), 2, 16, 1), speech


def rooms(log_mel: torch.Tensor) -> torch.Tensor:
    """Log-mel (N, n_mels, T) as in other rooms and by other microphones: nothing moves in time or frequency."""
    level = _uniform(len(log_mel), -0.1, 0.1).view(-1, 1, 1)
    return _mask(_tilt_and_add_noise(log_mel + level), 1, 8, 1)


def _tilt_and_add_noise(x: torch.Tensor) -> torch.Tensor:
    n, mels, _ = x.shape
    # Rooms and microphones tilt the spectrum.
    x = x + _uniform(n, -0.25, 0.25).view(n, 1, 1) * torch.linspace(-1, 1, mels).view(1, mels, 1)
    # A noise floor adds to power, so in log power it is a soft maximum; 2.5 nats to a unit, as the front end scales.
    floor = _uniform(n, -3.0, -0.8).view(n, 1, 1) + 0.2 * torch.randn_like(x)
    noisy = (torch.rand(n) < 0.2).view(n, 1, 1)
    return torch.where(noisy, torch.logaddexp(x * 2.5, floor * 2.5) / 2.5, x)


def _mask(x: torch.Tensor, axis: int, max_length: int, times: int) -> torch.Tensor:
    """Replace bands of up to ``max_length`` rows (axis 1) or columns (axis 2) by each item's mean."""
    n, length = len(x), x.shape[axis]
    places = torch.arange(length).view(1, -1)
    shape = [n, 1, 1]
    shape[axis] = length
    for _ in range(times):
        width = torch.rand(n, 1) * max_length
        start = torch.rand(n, 1) * (length - width)
        inside = (places >= start) & (places < start + width)
        x = torch.where(inside.view(shape), x.mean(dim=(1, 2), keepdim=True), x)
    return x


def mixup(inputs: torch.Tensor, targets: torch.Tensor, alpha: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixup (Zhang et al., 2017): each input (N, ...) is blended with another one, and its target (N, C) alike."""
    share = torch.distributions.Beta(alpha, alpha).sample((len(inputs),)).clamp(0, 1)
    share = torch.maximum(share, 1 - share)
    order = torch.randperm(len(inputs))

    def blend(x: torch.Tensor) -> torch.Tensor:
        s = share.view(-1, *[1] * (x.ndim - 1))
        return s * x + (1 - s) * x[order]

    return blend(inputs), blend(targets)


def cutmix(images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """CutMix (Yun et al., 2019): a rectangle of each image (N, C, H, W) is another's; targets (N, C) by its area."""
    n, _, height, width = images.shape
    order = torch.randperm(n)
    side = (1 - torch.rand(n)).sqrt()  # of a rectangle whose share of the area is uniform
    top, left = (torch.rand(n) * height).round(), (torch.rand(n) * width).round()
    high, wide = side * height, side * width
    rows, columns = torch.arange(height).view(1, -1, 1), torch.arange(width).view(1, 1, -1)
    inside = ((rows - top.view(-1, 1, 1)).abs() < high.view(-1, 1, 1) / 2) & (
        (columns - left.view(-1, 1, 1)).abs() < wide.view(-1, 1, 1) / 2
    )
    share = inside.float().mean(dim=(1, 2)).view(-1, 1)
    return torch.where(inside.unsqueeze(1), images[order], images), (1 - share) * targets + share * targets[order]


def _uniform(n: int, low: float, high: float) -> torch.Tensor:
    return torch.rand(n) * (high - low) + low
