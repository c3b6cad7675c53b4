"""The configurations of the networks, as ``config.json`` holds them; each network is rebuilt from its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FaceConfig:
    """Face CNN: aligned grey crops (N, 1, size, size) in [0, 1] -> embeddings and logits over ``labels``."""

    labels: tuple[str, ...]
    size: int = 48
    widths: tuple[int, ...] = (32, 64, 128, 256)
    dropout: float = 0.4


@dataclass(frozen=True, kw_only=True)
class VoiceConfig:
    """Voice CNN: normalised log-mel (N, n_mels, T) -> one embedding per hop of 16 frames, logits per window.

    ``heads`` maps a head's name to its labels; analysis uses the head named "emotions", and if there is one, the head
    named "relative" for features relative to a speaker's baseline (emorec/inference/baseline.py). Of the ``embedding``
    numbers of a hop the last ``listener_embedding`` come from a second trunk of ``listener_widths``, which is distilled
    from published speech encoders ("listener" is its name in checkpoints). Both are empty in a network without one.
    """

    heads: dict[str, tuple[str, ...]]
    n_mels: int = 64
    widths: tuple[int, ...] = (40, 80, 160, 256)
    embedding: int = 192
    dropout: float = 0.4
    listener_widths: tuple[int, ...] = ()
    listener_embedding: int = 0


@dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """Fusion MLP over the pooled face features and the pooled voice features of one window."""

    labels: tuple[str, ...]
    face_features: int
    voice_features: int
    hidden: int = 96
    dropout: float = 0.5
