"""The answers of a decoding process, each field checked before it is used.

The classes raise ValueError, KeyError or TypeError for an answer that no decoder gives, and EmorecError for a recording
that is too long.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from pathlib import Path
from typing import Any

import numpy as np

from emorec.childprocess.process import sentence
from emorec.errors import EmorecError
from emorec.media import playback, streams
from emorec.media.passes import Damage
from emorec.media.playback import Picture
from emorec.media.streams import AudioBlock, Frame, MediaInfo

MAX_TEXT = 300  # characters of a codec's name and the like
MAX_ENTRIES = 1000  # of a list, and tracks; files with more streams are refused before
MAX_DAMAGES = 32  # sentences about damage in one pass over one file
MAX_FRAME_SECONDS = 60.0  # seconds of sound that one frame of a codec may hold, and an excerpt may be longer by
MAX_CODE_POINT = 22  # the largest that H.273 defines for a colour
MAX_SAMPLE = 1e6  # largest sample; full scale is 1. What lies beyond would make every later number meaningless

Arrays = list[np.ndarray]


class Info:
    """Makes the ``MediaInfo`` of a recording that may last ``max_seconds`` (s)."""

    def __init__(self, path: Path, max_seconds: float):
        self._path, self._max_seconds = path, max_seconds

    def __call__(self, header: dict, arrays: Arrays) -> MediaInfo:
        info = checked(MediaInfo, header["info"], path=self._path)
        check_length(self._path, info.duration or 0.0, self._max_seconds)
        for count, chosen in ((info.video_tracks, info.video_track), (info.audio_tracks, info.audio_track)):
            if not 0 <= count <= MAX_ENTRIES or not (chosen is None or 1 <= chosen <= count):
                raise ValueError("invalid tracks")
        return info


class Damages:
    """Makes ``Damage``, of which one pass over one file has one or two."""

    def __init__(self) -> None:
        self._left = MAX_DAMAGES

    def __call__(self, header: dict) -> Damage:
        self._left = _one_less(self._left)
        return Damage(sentence(header["damage"]))


class Frames:
    """Makes ``Damage``, and ``Frame``: at most ``rate`` a second in the order of time, so that they come to an end."""

    def __init__(self, path: Path, rate: float, max_side: int, max_seconds: float):
        self._path, self._rate, self._max_side, self._max_seconds = path, rate, max_side, max_seconds
        self._last_bin = -1
        self._damage = Damages()

    def __call__(self, header: dict, arrays: Arrays) -> Frame | Damage:
        if "damage" in header:
            return self._damage(header)
        time = number(header["time"])
        check_length(self._path, time, self._max_seconds)
        if (at := streams.bin_of(time, self._rate)) <= self._last_bin:
            raise ValueError("pictures are not in the order of time")
        self._last_bin = at
        image, luma = arrays
        if luma.ndim != 2 or not luma.size or type(header["limited"]) is not bool:
            raise ValueError("invalid luma")
        return Frame(time, picture(image, self._max_side), luma, header["limited"])


class Blocks:
    """Makes ``Damage``, and ``AudioBlock``: each after the one before and none longer than ``block_seconds``.

    ``channels`` are 2 if they stay apart, else None.
    """

    def __init__(self, path: Path, rate: int, block_seconds: float, max_seconds: float, channels: int | None = None):
        self._path, self._rate, self._max_seconds = path, rate, max_seconds
        self._shape = () if channels is None else (channels,)
        self._max_samples = math.ceil(rate * block_seconds) + 1
        self._end: int | None = None
        self._damage = Damages()

    def __call__(self, header: dict, arrays: Arrays) -> AudioBlock | Damage:
        if "damage" in header:
            return self._damage(header)
        time = number(header["time"])
        check_length(self._path, time, self._max_seconds)
        samples = only(arrays)
        first = round(time * self._rate)
        if samples.ndim != 1 + len(self._shape) or samples.shape[:-1] != self._shape or samples.dtype != np.float32:
            raise ValueError("invalid block of sound")
        count = samples.shape[-1]
        if count > self._max_samples or first < 0:
            raise ValueError("invalid block of sound")
        if self._end is not None and (first < self._end or not count):
            raise ValueError("blocks are not in the order of time")
        self._end = first + count
        return AudioBlock(time, _finite(samples))


class Sounds:
    """Makes the samples of an excerpt, float32 ``(N,)``: of at most ``places`` places, none much over ``seconds``."""

    def __init__(self, places: int, seconds: float, rate: int):
        self._left, self._max_samples = places, math.ceil((seconds + MAX_FRAME_SECONDS) * rate)

    def __call__(self, header: dict, arrays: Arrays) -> np.ndarray:
        self._left = _one_less(self._left)
        samples = only(arrays)
        if samples.ndim != 1 or samples.dtype != np.float32 or len(samples) > self._max_samples:
            raise ValueError("invalid sound")
        return _finite(samples)


class Stills:
    """Makes the pictures of an excerpt, uint8 ``(H, W, 3)``, of at most ``places`` places."""

    def __init__(self, places: int, max_side: int):
        self._left, self._max_side = places, max_side

    def __call__(self, header: dict, arrays: Arrays) -> np.ndarray:
        self._left = _one_less(self._left)
        return picture(only(arrays), self._max_side)


class Pictures:
    """Makes ``Damage``, and ``Picture``: all of one size, at most ``playback.MAX_RATE`` a second in order of time."""

    def __init__(self, path: Path, max_side: int, max_seconds: float):
        self._path, self._max_side, self._max_seconds = path, max_side, max_seconds
        self._last_bin, self._shape = -1, None
        self._damage = Damages()

    def __call__(self, header: dict, arrays: Arrays) -> Picture | Damage:
        if "damage" in header:
            return self._damage(header)
        time, planes = number(header["time"]), only(arrays)
        check_length(self._path, time, self._max_seconds)
        if (at := streams.bin_of(time, playback.MAX_RATE)) <= self._last_bin:
            raise ValueError("pictures are not in the order of time")
        if planes.dtype != np.uint8 or planes.shape != (self._shape or planes.shape):
            raise ValueError("invalid planes")
        rows, width = planes.shape
        if rows % 3 or width % 2 or not planes.size or max(rows * 2 // 3, width) > self._max_side:
            raise ValueError("invalid planes")
        self._last_bin, self._shape = at, planes.shape
        primaries, transfer, matrix = (_code_point(value) for value in header["colours"])
        return Picture(time, planes, (primaries, transfer, matrix))


class Stereo:
    """Makes pieces of sound, float32 ``(N, 2)``, that follow each other from ``start`` (s) on."""

    def __init__(self, path: Path, rate: int, start: float, max_seconds: float):
        self._path, self._rate, self._max_seconds = path, rate, max_seconds
        self._written = round(start * rate)

    def __call__(self, header: dict, arrays: Arrays) -> np.ndarray:
        samples = only(arrays)
        if samples.dtype != np.float32 or samples.ndim != 2 or samples.shape[1] != 2 or not len(samples):
            raise ValueError("invalid sound")
        self._written += len(samples)
        check_length(self._path, self._written / self._rate, self._max_seconds)
        return _finite(samples)


def _code_point(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_CODE_POINT:
        raise ValueError("not a code point of a colour")
    return value


def _one_less(left: int) -> int:
    if left < 1:
        raise ValueError("too many answers")
    return left - 1


def _finite(samples: np.ndarray) -> np.ndarray:
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
