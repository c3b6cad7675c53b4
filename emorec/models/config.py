"""The configurations of the networks, as ``config.json`` holds them; each network is rebuilt from its own."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass

from emorec import ranges

LARGEST_FACE = 256  # pixels on each side; the memory for a face grows with its square
MAX_LAYERS = 16
WIDEST = 4096
MOST_MELS = 256
VOICE_STAGES = 4  # each halves rows and frames: 16 frames become one embedding


@dataclass(frozen=True, kw_only=True)
class FaceConfig:
    """Face CNN: aligned grey crops (N, 1, size, size) in [0, 1] -> embeddings and logits over ``labels``."""

    labels: tuple[str, ...]
    size: int = 48
    widths: tuple[int, ...] = (32, 64, 128, 256)
    dropout: float = 0.4

    def __post_init__(self) -> None:
        ranges.check_texts("labels", self.labels)
        ranges.check_whole("size", self.size, 8, LARGEST_FACE)
        _check_widths("widths", self.widths, 1, MAX_LAYERS)
        ranges.check_number("dropout", self.dropout, 0, 1)


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

    def __post_init__(self) -> None:
        if not isinstance(self.heads, dict):
            raise ValueError(
                f"heads is {reprlib.repr(self.heads)}; it must be an object with a list of labels per head"
            )
        for name, labels in self.heads.items():
            ranges.check_texts(f"heads.{name}", labels)
        ranges.check_whole("n_mels", self.n_mels, 1, MOST_MELS)
        if self.n_mels % 2**VOICE_STAGES:
            raise ValueError(f"n_mels is {self.n_mels}; it must be a multiple of {2**VOICE_STAGES}")
        _check_widths("widths", self.widths, VOICE_STAGES, VOICE_STAGES)
        ranges.check_whole("embedding", self.embedding, 1)
        ranges.check_number("dropout", self.dropout, 0, 1)
        if self.listener_widths != ():
            _check_widths("listener_widths", self.listener_widths, VOICE_STAGES, VOICE_STAGES)
        ranges.check_whole("listener_embedding", self.listener_embedding, 0, self.embedding - 1)


@dataclass(frozen=True, kw_only=True)
class FusionConfig:
    """Fusion MLP over the pooled face features and the pooled voice features of one window."""

    labels: tuple[str, ...]
    face_features: int
    voice_features: int
    hidden: int = 96
    dropout: float = 0.5

    def __post_init__(self) -> None:
        ranges.check_texts("labels", self.labels)
        for name in ("face_features", "voice_features", "hidden"):
            ranges.check_whole(name, getattr(self, name), 1)
        ranges.check_number("dropout", self.dropout, 0, 1)


def _check_widths(name: str, widths: object, least: int, most: int) -> None:
    """Raise ValueError unless the widths are a tuple of ``least`` to ``most`` whole numbers."""
    if not isinstance(widths, tuple) or not least <= len(widths) <= most:
        allowed = f"{least} to {most}" if least < most else f"{least}"
        raise ValueError(f"{name} is {reprlib.repr(widths)}; it must be a list of {allowed} whole numbers")
    for width in widths:
        ranges.check_whole(f"a number of {name}", width, 1, WIDEST)
