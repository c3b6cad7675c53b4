"""The networks: a face CNN, a voice CNN and a fusion MLP, each rebuilt from a small frozen config.

All are plain 3x3 convolutions without attention blocks: on a CPU, in channels-last memory order, these run
several times faster than depthwise designs of the same accuracy.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from emorec.voice.features import CONTEXT_HOPS, FRAMES_PER_HOP


@dataclass(frozen=True, kw_only=True)
class FaceConfig:
    """Face CNN: aligned grey crops (N, 1, size, size) in [0, 1] -> embeddings and logits over ``labels``."""

    labels: tuple
    size: int = 48
    widths: tuple = (32, 64, 128, 256)
    dropout: float = 0.4


@dataclass(frozen=True, kw_only=True)
class VoiceConfig:
    """Voice CNN: normalised log-mel (N, n_mels, T) -> one embedding per hop of 16 frames, logits per window.

    ``heads`` maps a head's name to its labels; the head named "emotions" is the one that analysis uses. The last
    ``listener_embedding`` of the ``embedding`` numbers of a hop come from a second trunk of ``listener_widths``, which
    learnt what voices are like in general; without one both are empty.
    """

    heads: dict
    n_mels: int = 64
    widths: tuple = (40, 80, 160, 256)
    embedding: int = 192
    dropout: float = 0.4
    listener_widths: tuple = ()
    listener_embedding: int = 0


@dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """Fusion MLP over one window's pooled face features and pooled voice features."""

    labels: tuple
    face_features: int
    voice_features: int
    hidden: int = 96
    dropout: float = 0.5


def convolution(inputs, outputs, stride=1):
    """3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al., 2015)."""

    def __init__(self, width):
        super().__init__()
        self.first = convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)), inplace=True)


class FaceNet(nn.Module):
    """Residual CNN for one aligned face."""

    def __init__(self, config: FaceConfig):
        super().__init__()
        self.config = config
        stem, *widths = config.widths
        layers = [convolution(1, stem), convolution(stem, stem)]
        for before, width in zip(config.widths, widths, strict=False):
            layers += [convolution(before, width, stride=2), Residual(width)]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Linear(config.widths[-1], len(config.labels))

    def embed(self, crops):
        """Crops (N, 1, size, size) in [0, 1] -> embeddings (N, widths[-1])."""
        # Each crop by its own brightness and contrast: a dim room is not an emotion.
        mean = crops.mean(dim=(2, 3), keepdim=True)
        x = (crops - mean) / (crops.std(dim=(2, 3), keepdim=True) + 0.05)
        return self.trunk(_as_taken(x, self.trunk)).float().mean(dim=(2, 3))

    def classify(self, embeddings):
        """Embeddings (N, D) -> logits (N, len(labels))."""
        return self.head(F.dropout(embeddings, self.config.dropout, self.training))

    def forward(self, crops):
        return self.classify(self.embed(crops))


class VoiceNet(nn.Module):
    """CNN over log-mel, fully convolutional in time: a recording is encoded once, windows are slices of hops."""

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
            raise ValueError("a listener needs both its widths and its embedding")
        if config.listener_widths:
            self.listener = listener(config).requires_grad_(False)
        self.parts = (own, config.listener_embedding) if config.listener_widths else (own,)
        self.attention = nn.Linear(own, 1)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(2 * config.embedding, len(labels)) for name, labels in config.heads.items()}
        )

    def train(self, mode=True):
        """Set training mode for all but the distilled trunk, which train/recipes/distillation.py trains."""
        super().train(mode)
        if self.config.listener_widths:
            self.listener.eval()
        return self

    def embed(self, log_mel):
        """Log-mel (N, n_mels, T), T a multiple of 16 -> hop embeddings (N, T / 16, embedding)."""
        x = _as_taken(log_mel.unsqueeze(1), self.trunk)
        parts = [self.collapse(self.trunk(x))]
        if self.config.listener_widths:
            parts.append(self.listener(x))
        return torch.cat(parts, dim=1).float().squeeze(2).transpose(1, 2)

    def score(self, embeddings):
        """Attention score of each hop, before the exponential: (..., D) -> (...)."""
        return self.attention(embeddings[..., : self.parts[0]]).squeeze(-1).clamp(-8.0, 8.0)

    def weigh(self, embeddings, speech):
        """How much a hop counts for each of the ``parts`` of its embedding: (..., D), (...) -> (..., len(parts)).

        What the listener hears is not attended to, only weighted by how likely it is speech.
        """
        attended = torch.exp(self.score(embeddings)) * speech
        return torch.stack([attended, speech][: len(self.parts)], dim=-1)

    def pool(self, embeddings, speech):
        """Hop embeddings (N, H, D) and speech weights (N, H) -> attention mean and deviation (N, 2 D).

        Attentive statistics pooling (Okabe et al., 2018), with hops weighted by how likely they hold speech.
        """
        # In full precision also under autocast: a deviation is a small difference of large moments.
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.float()
            weights = self.weigh(embeddings, speech).unbind(-1)
            return pooled(list(zip(embeddings.split(self.parts, dim=-1), weights, strict=True)))

    def classify(self, pooled, head="emotions"):
        """Pooled features (N, 2 D) -> logits (N, len(labels of the head))."""
        return self.heads[head](F.dropout(pooled, self.config.dropout, self.training))

    def forward(self, log_mel, speech, head="emotions"):
        return self.classify(self.pool(self.embed(log_mel), speech), head)


def listener(config):
    """The second trunk of a VoiceNet: log-mel (N, 1, n_mels, T) -> (N, listener_embedding, 1, T / 16)."""
    rows = config.n_mels // VoiceNet.FRAMES_PER_HOP
    collapse = _collapse(config.listener_widths[-1], config.listener_embedding, rows)
    return nn.Sequential(_voice_trunk(config.listener_widths), collapse)


def _voice_trunk(widths):
    """Convolutions over log-mel (N, 1, n_mels, T) -> (N, widths[-1], n_mels / 16, T / 16)."""
    # Folding 2x2 patches into channels quarters the cost of the first, widest-in-time layers.
    layers = [nn.PixelUnshuffle(2)]
    before = 4
    for stage, width in enumerate(widths):
        if stage:
            layers.append(nn.MaxPool2d(2))
        layers += [convolution(before, width), convolution(width, width)]
        before = width
    return nn.Sequential(*layers)


def _collapse(inputs, outputs, rows):
    """One embedding a hop: all rows of frequency at once, (N, inputs, rows, H) -> (N, outputs, 1, H)."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, (rows, 1), bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class FusionNet(nn.Module):
    """Intermediate fusion: what each modality's features say on their own, corrected by an MLP that sees both.

    A missing modality is zeros and a flag. The single-modality part starts from the encoders' heads, so that the MLP
    has only to learn what the two together say beyond that.
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

    def forward(self, face, voice, has_face, has_voice):
        """Features (N, face_features) and (N, voice_features), flags (N,) in {0, 1} -> logits (N, len(labels))."""
        has_face, has_voice = has_face.unsqueeze(1), has_voice.unsqueeze(1)
        p = self.config.dropout
        alone = self.face_alone(face) * has_face + self.voice_alone(voice) * has_voice
        face = F.dropout(self.face_norm(face), p, self.training) * has_face
        voice = F.dropout(self.voice_norm(voice), p, self.training) * has_voice
        x = F.relu(self.hidden(torch.cat([face, voice, has_face, has_voice], dim=1)))
        return alone + self.head(F.dropout(x, p, self.training))


def _as_taken(x, convolutions):
    """The input of convolutions in their precision and memory order."""
    return x.to(next(convolutions.parameters()).dtype).contiguous(memory_format=torch.channels_last)


def pooled(parts):
    """Weighted mean and deviation over hops: pairs of values (N, H, D) and weights (N, H) -> (N, 2 D of all pairs)."""
    means, squares = [], []
    for values, weights in parts:
        weights = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-8)
        means.append(torch.einsum("nh,nhd->nd", weights, values))
        squares.append(torch.einsum("nh,nhd->nd", weights, values.square()))
    mean, square = torch.cat(means, dim=1), torch.cat(squares, dim=1)
    return torch.cat([mean, deviation(mean, square)], dim=1)


def deviation(mean, mean_square):
    """Standard deviation from first and second moments, with a floor that keeps its gradient finite."""
    return (mean_square - mean.square()).clamp_min(1e-4).sqrt()
