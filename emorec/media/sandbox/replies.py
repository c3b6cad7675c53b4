"""What a process that decodes may answer: every field is checked before anything is made of it.

Each of these raises ValueError, KeyError or TypeError for an answer that no decoder gives, and EmorecError for a
recording that is too long.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError
from emorec.media import streams
from emorec.media.streams import AudioBlock, Frame, MediaInfo
from emorec.media.video import EXPANDED

MAX_TEXT = 300
"""Characters of a codec's name and the like."""

MAX_ENTRIES = 1000
"""Entries of a list of facts, and tracks; files with more streams are refused before."""

LONGEST_FRAME = 60.0
"""Seconds of sound that one frame of a codec may hold, and a look may be longer by."""

LOUDEST = 1e6
"""Largest sample; full scale is 1. What lies beyond, or is no number, would make every later number senseless."""

Arrays = list[np.ndarray]


class Info:
    """Makes the ``MediaInfo`` of a recording that may last ``longest`` (s)."""

    def __init__(self, path: Path, longest: float):
        self._path, self._longest = path, longest

    def __call__(self, header: dict, arrays: Arrays) -> MediaInfo:
        info = checked(MediaInfo, header["info"], path=self._path)
        check_length(self._path, info.duration or 0.0, self._longest)
        for count, chosen in ((info.video_tracks, info.video_track), (info.audio_tracks, info.audio_track)):
            if not 0 <= count <= MAX_ENTRIES or not (chosen is None or 1 <= chosen <= count):
                raise ValueError("these are no tracks")
        return info


class Frames:
    """Makes ``Frame``, at most ``rate`` a second in the order of time, so that they come to an end."""

    def __init__(self, path: Path, rate: float, max_side: int, longest: float):
        self._path, self._rate, self._max_side, self._longest = path, rate, max_side, longest
        self._last_bin = -1

    def __call__(self, header: dict, arrays: Arrays) -> Frame:
        time = number(header["time"])
        check_length(self._path, time, self._longest)
        if (at := streams.bin_of(time, self._rate)) <= self._last_bin:
            raise ValueError("a picture comes after the ones before")
        self._last_bin = at
        image, plane = arrays
        if plane.ndim != 2 or not plane.size or type(header["limited"]) is not bool:
            raise ValueError("this is no brightness of a picture")
        return Frame(time, picture(image, self._max_side), SentGrey(plane, header["limited"]))


class Blocks:
    """Makes ``AudioBlock``, each behind the one before and none longer than ``block_seconds``."""

    def __init__(self, path: Path, rate: int, block_seconds: float, longest: float):
        self._path, self._rate, self._longest = path, rate, longest
        self._most = math.ceil(rate * block_seconds) + 1
        self._end: int | None = None

    def __call__(self, header: dict, arrays: Arrays) -> AudioBlock:
        time = number(header["time"])
        check_length(self._path, time, self._longest)
        (samples,) = arrays
        first = round(time * self._rate)
        if samples.ndim != 1 or samples.dtype != np.float32 or len(samples) > self._most or first < 0:
            raise ValueError("this is no block of sound")
        if self._end is not None and (first < self._end or not len(samples)):
            raise ValueError("a block comes after the ones before")
        self._end = first + len(samples)
        return AudioBlock(time, _finite(samples))


class Sounds:
    """Makes samples of a short look, float32 ``(N,)``: of at most so many ``places``, none much over ``seconds``."""

    def __init__(self, places: int, seconds: float, rate: int):
        self._left, self._most = places, math.ceil((seconds + LONGEST_FRAME) * rate)

    def __call__(self, header: dict, arrays: Arrays) -> np.ndarray:
        self._left = _one_less(self._left)
        (samples,) = arrays
        if samples.ndim != 1 or samples.dtype != np.float32 or len(samples) > self._most:
            raise ValueError("this is no sound")
        return _finite(samples)


class Stills:
    """Makes pictures of a short look, uint8 ``(H, W, 3)``, of at most so many ``places``."""

    def __init__(self, places: int, max_side: int):
        self._left, self._max_side = places, max_side

    def __call__(self, header: dict, arrays: Arrays) -> np.ndarray:
        self._left = _one_less(self._left)
        (image,) = arrays
        return picture(image, self._max_side)


def _one_less(left: int) -> int:
    if left < 1:
        raise ValueError("there are more answers than places")
    return left - 1


def _finite(samples: np.ndarray) -> np.ndarray:
    """Samples without what no sound has; a file may hold such numbers, and no-numbers too."""
    if (np.abs(samples) <= LOUDEST).all():
        return samples
    return np.nan_to_num(samples, nan=0.0, posinf=LOUDEST, neginf=-LOUDEST).clip(-LOUDEST, LOUDEST)


class SentGrey:
    """As ``media_pictures.Grey``, from the plane ``(H, W)`` that was sent; ``limited`` if it goes from 16 to 235."""

    def __init__(self, plane: np.ndarray, limited: bool):
        self._plane, self._limited = plane, limited
        self.shape = plane.shape

    def __getitem__(self, part) -> np.ndarray:
        return EXPANDED[self._plane[part]] if self._limited else np.ascontiguousarray(self._plane[part])


def check_length(path: str | Path, time: float, longest: float) -> None:
    """Raise EmorecError if a recording that reaches ``time`` (s) is longer than ``longest`` (s)."""
    if time > longest:
        raise EmorecError(
            f"{Path(path).name} is longer than {longest / 60:g} minutes, the limit here; give a shorter recording."
        )


def picture(image: np.ndarray, max_side: int) -> np.ndarray:
    """An RGB picture, uint8 ``(H, W, 3)``, with no side longer than ``max_side`` (px)."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not 1 <= max(image.shape[:2]) <= max_side:
        raise ValueError("this is no picture")
    if not image.size:
        raise ValueError("a picture has pixels")
    return image


def number(value: object) -> float:
    """A finite number."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("this is no number")
    return float(value)


def checked(kind, values: object, **given):
    """A dataclass made of ``values``, a dict, whose types are those of its fields; ``given`` fields come from here."""
    if not isinstance(values, dict):
        raise TypeError("facts are a dict")
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
            raise TypeError("this is no list")
        return origin(_value(inner[0], entry) for entry in value)
    if dataclasses.is_dataclass(kind):
        return checked(kind, value)
    if kind is float:
        return number(value)
    if type(value) is not kind or kind not in (bool, int, str):
        raise TypeError(f"this is no {kind}")
    if kind is int:
        number(value)
    if kind is str and (len(value) > MAX_TEXT or not value.isprintable()):
        raise ValueError("this is no name")
    return value
