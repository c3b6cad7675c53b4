"""Checks of single values in the answers of a decoding process, whatever the answer is about.

They raise ValueError, KeyError or TypeError for a value that no decoder gives; ``check_length`` raises EmorecError for
a recording that is too long.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from pathlib import Path
from typing import Any

import numpy as np

from emorec.errors import EmorecError
from emorec.media.mixdown import MAX_SAMPLE

MAX_TEXT = 300  # characters of a codec's name and the like
MAX_ENTRIES = 1000  # of a list, and tracks; files with more streams are refused before
MAX_CODE_POINT = 22  # the largest that H.273 defines for a colour

Arrays = list[np.ndarray]


def code_point(value: Any) -> int:
    """A number by which H.273 names a colour's primaries, transfer or matrix."""
    if type(value) is not int or not 0 <= value <= MAX_CODE_POINT:
        raise ValueError("not a code point of a colour")
    return value


def finite(samples: np.ndarray) -> np.ndarray:
    """Samples within MAX_SAMPLE; files may contain larger ones, infinities and NaN."""
    if (np.abs(samples) <= MAX_SAMPLE).all():
        return samples
    return np.nan_to_num(samples, nan=0.0, posinf=MAX_SAMPLE, neginf=-MAX_SAMPLE).clip(-MAX_SAMPLE, MAX_SAMPLE)


def check_length(path: str | Path, time: float, max_seconds: float) -> None:
    """Raise EmorecError if a recording that reaches ``time`` (s) is longer than ``max_seconds`` (s)."""
    if time > max_seconds:
        raise EmorecError(
            f"{Path(path).name} is longer than {max_seconds / 60:g} minutes, the limit here; give a shorter recording."
        )


def only(arrays: Arrays) -> np.ndarray:
    """The only array of an answer."""
    (array,) = arrays
    return array


def picture(image: np.ndarray, max_side: int) -> np.ndarray:
    """An RGB picture, uint8 ``(H, W, 3)``, with no side longer than ``max_side`` (px)."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not 1 <= max(image.shape[:2]) <= max_side:
        raise ValueError("invalid picture")
    if not image.size:
        raise ValueError("a picture without pixels")
    return image


def number(value: Any) -> float:
    """A finite number."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("not a finite number")
    return float(value)


def checked(kind, values: object, **given):
    """A dataclass from ``values``, a dict, if they have the types of its fields; ``given`` fields are not among
    them."""
    if not isinstance(values, dict):
        raise TypeError("not an object")
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind) if field.name not in given]
    return kind(**{name: _value(hints[name], values[name]) for name in names}, **given)


def _value(kind, value):
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _value(next(part for part in inner if part is not type(None)), value)
    if origin in (tuple, list):
        if not isinstance(value, list) or len(value) > MAX_ENTRIES:
            raise TypeError("not a short list")
        return origin(_value(inner[0], entry) for entry in value)
    if dataclasses.is_dataclass(kind):
        return checked(kind, value)
    if kind is float:
        return number(value)
    if type(value) is not kind or kind not in (bool, int, str):
        raise TypeError(f"not of type {kind}")
    if kind is int:
        number(value)
    if kind is str and (len(value) > MAX_TEXT or not value.isprintable()):
        raise ValueError("not a short printable text")
    return value
