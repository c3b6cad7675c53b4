"""The networks: a face CNN, a voice CNN and a fusion MLP.

The CNNs are plain 3x3 convolutions without attention blocks: on a CPU, in channels-last memory order, these run
several times faster than depthwise designs of the same accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from emorec.models.config import FaceConfig, FusionConfig, VoiceConfig
from emorec.voice.features import CONTEXT_HOPS, FRAMES_PER_HOP


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al., 2015)."""

    def __init__(self, width: int):
        super().__init__()
        self.first = convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.second(self.first(x)), inplace=True)


class FaceNet(nn.Module):
    """Residual CNN for one aligned face."""

    def __init__(self, config: FaceConfig):
        super().__init__()
        self.config = config
        stem, *widths = config.widths
        layers: list[nn.Module] = [convolution(1, stem), convolution(stem, stem)]
        for before, width in zip(config.widths, widths, strict=False):
            layers += [convolution(before, width, stride=2), Residual(width)]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(config.widths[-1], len(config.labels))

    def embed(self, crops: torch.Tensor) -> torch.Tensor:
        """Crops (N, 1, size, size) in [0, 1] -> embeddings (N, widths[-1])."""
        # Each crop is normalised by its own brightness and contrast: a dim room is not an emotion.
        mean = crops.mean(dim=(2, 3), keepdim=True)
        x = (crops - mean) / (crops.std(dim=(2, 3), keepdim=True) + 0.05)
        return self.trunk(_as_input(x, self.trunk)).float().mean(dim=(2, 3))

    def classify(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Embeddings (N, D) -> logits (N, len(labels))."""
        return self.head(F.dropout(embeddings, self.config.dropout, self.training))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Crops (N, 1, size, size) in [0, 1] -> logits (N, len(labels))."""
        return self.classify(self.embed(crops))


class VoiceNet(nn.Module):
    """CNN over log-mel, fully convolutional in time: a recording is encoded once, windows are slices of hops.

    ``parts`` are the sizes of the parts of an embedding: the emotion trunk's and, if there is one, the distilled trunk's.
    """

    FRAMES_PER_HOP = FRAMES_PER_HOP
    CONTEXT_HOPS = CONTEXT_HOPS

    def __init__(self, config: VoiceConfig):
        super().__init__()
        self.config = config
        rows = config.n_mels // self.FRAMES_PER_HOP
        own = config.embedding - config.listener_embedding
        self.trunk = _voice_trunk(config.widths)
        self.collapse = _collapse(config.widths[-1], own, rows)
        if bool(config.listener_widths) != bool(config.listener_embedding):
            raise ValueError("a distilled trunk needs both listener_widths and listener_embedding")
        if config.listener_widths:
            # The name is part of the checkpoint format.
            self.listener = distilled_trunk(config).requires_grad_(False)
        self.parts = (own, config.listener_embedding) if config.listener_widths else (own,)
        self.attention = nn.Linear(own, 1)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(2 * config.embedding, len(labels)) for name, labels in config.heads.items()}
        )

    def train(self, mode: bool = True) -> VoiceNet:
        """Set training mode for all but the distilled trunk, which train/recipes/distillation.py trains."""
        super().train(mode)
        if self.config.listener_widths:
            self.listener.eval()
        return self

    def embed(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Log-mel (N, n_mels, T), T a multiple of 16 -> hop embeddings (N, T / 16, embedding)."""
        x = _as_input(log_mel.unsqueeze(1), self.trunk)
        parts = [self.collapse(self.trunk(x))]
        if self.config.listener_widths:
            parts.append(self.listener(x))
        return torch.cat(parts, dim=1).float().squeeze(2).transpose(1, 2)

    def score(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Attention score of each hop, before the exponential: (..., D) -> (...)."""
        return self.attention(embeddings[..., : self.parts[0]]).squeeze(-1).clamp(-8.0, 8.0)

    def hop_weights(self, embeddings: torch.Tensor, speech: torch.Tensor) -> torch.Tensor:
        """Weight of each hop for each of the ``parts`` of its embedding: (..., D), (...) -> (..., len(parts)).

        The emotion trunk's part is weighted by attention and speech, the distilled trunk's part by speech alone.
        """
        attended = torch.exp(self.score(embeddings)) * speech
        return torch.stack([attended, speech][: len(self.parts)], dim=-1)

    def pool(self, embeddings: torch.Tensor, speech: torch.Tensor) -> torch.Tensor:
        """Hop embeddings (N, H, D) and speech weights (N, H) -> attention mean and deviation (N, 2 D).

        Attentive statistics pooling (Okabe et al., 2018), with hops also weighted by the probability of speech.
        """
        # In full precision even under autocast: a deviation is a small difference of large moments.
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.float()
            weights = self.hop_weights(embeddings, speech).unbind(-1)
            return pool_parts(list(zip(embeddings.split(self.parts, dim=-1), weights, strict=True)))

    def classify(self, pooled: torch.Tensor, head: str = "emotions") -> torch.Tensor:
        """Pooled features (N, 2 D) -> logits (N, len(labels of the head))."""
        return self.heads[head](F.dropout(pooled, self.config.dropout, self.training))

    def forward(self, log_mel: torch.Tensor, speech: torch.Tensor, head: str = "emotions") -> torch.Tensor:
        """Log-mel (N, n_mels, T) and speech weights (N, T / 16) -> logits (N, len(labels of the head))."""
        return self.classify(self.pool(self.embed(log_mel), speech), head)


def distilled_trunk(config: VoiceConfig) -> nn.Sequential:
    """The second trunk of a VoiceNet: log-mel (N, 1, n_mels, T) -> (N, listener_embedding, 1, T / 16)."""
    rows = config.n_mels // VoiceNet.FRAMES_PER_HOP
    collapse = _collapse(config.listener_widths[-1], config.listener_embedding, rows)
    return nn.Sequential(_voice_trunk(config.listener_widths), collapse)


def _voice_trunk(widths: Sequence[int]) -> nn.Sequential:
    """Convolutions over log-mel (N, 1, n_mels, T) -> (N, widths[-1], n_mels / 16, T / 16)."""
    # Folding 2x2 patches into channels quarters the cost of the first, widest-in-time layers.
    layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
    before = 4
    for stage, width in enumerate(widths):
        if stage:
            layers.append(nn.MaxPool2d(2))
        layers += [convolution(before, width), convolution(width, width)]
        before = width
    return nn.Sequential(*layers)


def _collapse(inputs: int, outputs: int, rows: int) -> nn.Sequential:
    """All rows of frequency to one embedding per hop: (N, inputs, rows, H) -> (N, outputs, 1, H)."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, (rows, 1), bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class FusionNet(nn.Module):
    """Intermediate fusion: the sum of a linear layer per modality and of an MLP over both modalities.

    A missing modality is zeros and a flag. The linear layers start from the encoders' heads, so that the MLP only has to
    learn what both modalities together add to that.
    """

    def __init__(self, config: FusionConfig):
        super().__init__()
        self.config = config
        classes = len(config.labels)
        self.face_alone = nn.Linear(config.face_features, classes)
        self.voice_alone = nn.Linear(config.voice_features, classes)
        self.face_norm = nn.LayerNorm(config.face_features)
        self.voice_norm = nn.LayerNorm(config.voice_features)
        self.hidden = nn.Linear(config.face_features + config.voice_features + 2, config.hidden)
        self.head = nn.Linear(config.hidden, classes)

    def forward(
        self, face: torch.Tensor, voice: torch.Tensor, has_face: torch.Tensor, has_voice: torch.Tensor
    ) -> torch.Tensor:
        """Features (N, face_features) and (N, voice_features), flags (N,) in {0, 1} -> logits (N, len(labels))."""
        has_face, has_voice = has_face.unsqueeze(1), has_voice.unsqueeze(1)
        p = self.config.dropout
        alone = self.face_alone(face) * has_face + self.voice_alone(voice) * has_voice
        face = F.dropout(self.face_norm(face), p, self.training) * has_face
        voice = F.dropout(self.voice_norm(voice), p, self.training) * has_voice
        x = F.relu(self.hidden(torch.cat([face, voice, has_face, has_voice], dim=1)))
        return alone + self.head(F.dropout(x, p, self.training))


def _as_input(x: torch.Tensor, convolutions: nn.Module) -> torch.Tensor:
    """The input of convolutions in their precision and memory order."""
    return x.to(next(convolutions.parameters()).dtype).contiguous(memory_format=torch.channels_last)


def pool_parts(parts: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """Weighted mean and deviation over hops: pairs of values (N, H, D) and weights (N, H) -> (N, 2 D of all pairs)."""
    means, squares = [], []
    for values, weights in parts:
        weights = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-8)
        means.append(torch.einsum("nh,nhd->nd", weights, values))
        squares.append(torch.einsum("nh,nhd->nd", weights, values.square()))
    mean, square = torch.cat(means, dim=1), torch.cat(squares, dim=1)
    return torch.cat([mean, deviation(mean, square)], dim=1)


def deviation(mean: torch.Tensor, mean_square: torch.Tensor) -> torch.Tensor:
    """Standard deviation from first and second moments, with a floor that keeps its gradient finite."""
    return (mean_square - mean.square()).clamp_min(1e-4).sqrt()
