"""Calibration: the numbers that turn the networks' probabilities into likelihoods under an even prior."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS, EVEN

ZEROS = (0.0,) * len(EMOTIONS)
FLOOR = 1e-6  # least probability, as of an emotion for which a network has no label


@dataclass(frozen=True, kw_only=True)
class HeadCalibration:
    """Calibration of one network's probabilities over the seven emotions.

    The log likelihood is ``scale * (log p - strength * log shares) + bias``. ``shares`` are the shares of the emotions
    in the network's training data; ``strength`` is how far they affect its probabilities (0: not at all, 1: fully).
    They are divided out to that power, so that the result holds under an even prior.
    """

    scale: float = 1.0
    bias: tuple[float, ...] = ZEROS
    strength: float = 0.0
    shares: tuple[float, ...] = EVEN

    def __post_init__(self) -> None:
        for name in ("bias", "shares"):
            _check_shape(name, getattr(self, name), (len(EMOTIONS),))
        for name in ("scale", "strength"):
            _check_shape(name, getattr(self, name), ())
        if min(self.shares) <= 0:
            raise ValueError(f"shares is {self.shares!r}")

    def log_likelihood(self, probabilities: np.ndarray) -> np.ndarray:
        """Log likelihoods (N, 7), each row's mean 0, of raw probabilities (N, 7); NaN stays NaN."""
        logs = np.log(np.maximum(probabilities, FLOOR)) - self.strength * np.log(self.shares)
        logs = self.scale * logs + np.asarray(self.bias)
        return logs - logs.mean(axis=-1, keepdims=True)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration of every head, and the weights of late fusion, all fitted on people held out of training.

    ``face`` is for faces in recordings, ``still`` for faces in still pictures, which often show strong expressions,
    ``fusion`` for intermediate fusion, ``relative`` for voices relative to their speaker's baseline. ``face_weight``
    and ``voice_weight`` multiply the log likelihoods of the two modalities if both have full evidence; a single
    modality has the weight 1.
    """

    face: HeadCalibration = field(default_factory=HeadCalibration)
    still: HeadCalibration = field(default_factory=HeadCalibration)
    voice: HeadCalibration = field(default_factory=HeadCalibration)
    fusion: HeadCalibration = field(default_factory=HeadCalibration)
    relative: HeadCalibration = field(default_factory=HeadCalibration)
    face_weight: float = 0.5
    voice_weight: float = 0.5

    def __post_init__(self) -> None:
        for name in ("face_weight", "voice_weight"):
            _check_shape(name, getattr(self, name), ())
        for name in HEADS:
            if not isinstance(getattr(self, name), HeadCalibration):
                raise ValueError(f"{name} is {getattr(self, name)!r}")


OLD_HEADS = ("face", "still", "voice", "fusion")  # before checkpoints of format 5
HEADS = (*OLD_HEADS, "relative")
FLAT_KEYS = {f"{head}_{part}" for head in OLD_HEADS for part in ("scale", "bias")} | {"face_trust", "agreement"}


def read(values: Any) -> Calibration:
    """A Calibration from its object in ``config.json``. Raises ValueError that names a missing or an unknown key."""
    if isinstance(values, dict) and set(values) == FLAT_KEYS:
        return _read_flat(values)
    parts = dict(_checked_keys(values, Calibration, "calibration"))
    for name in HEADS:
        head = _checked_keys(parts[name], HeadCalibration, f"calibration.{name}")
        parts[name] = HeadCalibration(**{key: _as_tuple(value) for key, value in head.items()})
    return Calibration(**parts)


def _read_flat(values: dict[str, Any]) -> Calibration:
    """The calibration of a checkpoint of format 2 or 3, which held the same numbers without nesting."""
    heads = {
        head: HeadCalibration(scale=values[f"{head}_scale"], bias=_as_tuple(values[f"{head}_bias"]))
        for head in OLD_HEADS
    }
    face, agreement = values["face_trust"], values["agreement"]
    _check_shape("face_trust", face, ())
    _check_shape("agreement", agreement, ())
    sharpening = 1 + agreement * (1 - abs(2 * face - 1))
    return Calibration(**heads, face_weight=sharpening * face, voice_weight=sharpening * (1 - face))


def _checked_keys(values: Any, config: type, place: str) -> dict[str, Any]:
    """The object at a place in the configuration. Raises ValueError unless its keys are the fields of ``config``."""
    expected = {part.name for part in fields(config)}
    if not isinstance(values, dict):
        raise ValueError(f"{place} is not an object")
    for key in sorted(set(values) ^ expected):
        raise ValueError(f"{place}.{key} is {'unknown' if key in values else 'missing'}")
    return values


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_shape(name: str, value: Any, shape: Sequence[int]) -> None:
    """Raise ValueError unless the value is a finite number, or finite numbers, of this shape."""
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}") from None
    if numbers.shape != tuple(shape) or not np.isfinite(numbers).all():
        raise ValueError(f"{name} is {value!r}")
