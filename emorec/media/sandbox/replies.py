"""The answers of a decoding process, each field checked before it is used.

The classes raise ValueError, KeyError or TypeError for an answer that no decoder gives, and EmorecError for a recording
that is too long.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from emorec.childprocess.process import sentence
from emorec.media import playback, sampling
from emorec.media.passes import Damage, ShownUntil
from emorec.media.playback import Picture
from emorec.media.sandbox import checks
from emorec.media.sandbox.checks import Arrays
from emorec.media.streams import AudioBlock, Frame, MediaInfo

MAX_DAMAGES = 32  # sentences about damage in one pass over one file
MAX_FRAME_SECONDS = 60.0  # seconds of sound that one frame of a codec may hold, and an excerpt may be longer by


class Info:
    """Makes the ``MediaInfo`` of a recording that may last ``max_seconds`` (s)."""

    def __init__(self, path: Path, max_seconds: float):
        self._path, self._max_seconds = path, max_seconds

    def __call__(self, header: dict, arrays: Arrays) -> MediaInfo:
        info = checks.checked(MediaInfo, header["info"], path=self._path)
        checks.check_length(self._path, info.duration or 0.0, self._max_seconds)
        for count, chosen in ((info.video_tracks, info.video_track), (info.audio_tracks, info.audio_track)):
            if not 0 <= count <= checks.MAX_ENTRIES or not (chosen is None or 1 <= chosen <= count):
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
    """Makes ``Damage``, and ``Frame``: at most ``rate`` a second in the order of time, so that they come to an end; and
    at most one ``ShownUntil`` after each."""

    def __init__(self, path: Path, rate: float, max_side: int, max_seconds: float):
        self._path, self._rate, self._max_side, self._max_seconds = path, rate, max_side, max_seconds
        self._last_bin, self._shown_until = -1, True
        self._damage = Damages()

    def __call__(self, header: dict, arrays: Arrays) -> Frame | Damage | ShownUntil:
        if "damage" in header:
            return self._damage(header)
        if "until" in header:
            if self._shown_until or type(header["exactly"]) is not bool:
                raise ValueError("no picture to be shown")
            self._shown_until = True
            return ShownUntil(min(checks.number(header["until"]), self._max_seconds), header["exactly"])
        time = checks.number(header["time"])
        checks.check_length(self._path, time, self._max_seconds)
        if (at := sampling.bin_of(time, self._rate)) <= self._last_bin:
            raise ValueError("pictures are not in the order of time")
        self._last_bin, self._shown_until = at, False
        image, luma = arrays
        if luma.ndim != 2 or not luma.size or type(header["limited"]) is not bool:
            raise ValueError("invalid luma")
        return Frame(time, checks.picture(image, self._max_side), luma, header["limited"])


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
        time = checks.number(header["time"])
        checks.check_length(self._path, time, self._max_seconds)
        samples = checks.only(arrays)
        first = round(time * self._rate)
        if samples.ndim != 1 + len(self._shape) or samples.shape[:-1] != self._shape or samples.dtype != np.float32:
            raise ValueError("invalid block of sound")
        count = samples.shape[-1]
        if count > self._max_samples or first < 0:
            raise ValueError("invalid block of sound")
        if self._end is not None and (first < self._end or not count):
            raise ValueError("blocks are not in the order of time")
        self._end = first + count
        return AudioBlock(time, checks.finite(samples))


class Sounds:
    """Makes the samples of an excerpt, float32 ``(N,)``: of at most ``places`` places, none much over ``seconds``."""

    def __init__(self, places: int, seconds: float, rate: int):
        self._left, self._max_samples = places, math.ceil((seconds + MAX_FRAME_SECONDS) * rate)

    def __call__(self, header: dict, arrays: Arrays) -> np.ndarray:
        self._left = _one_less(self._left)
        samples = checks.only(arrays)
        if samples.ndim != 1 or samples.dtype != np.float32 or len(samples) > self._max_samples:
            raise ValueError("invalid sound")
        return checks.finite(samples)


class Stills:
    """Makes the pictures of an excerpt, uint8 ``(H, W, 3)``, of at most ``places`` places."""

    def __init__(self, places: int, max_side: int):
        self._left, self._max_side = places, max_side

    def __call__(self, header: dict, arrays: Arrays) -> np.ndarray:
        self._left = _one_less(self._left)
        return checks.picture(checks.only(arrays), self._max_side)


class Pictures:
    """Makes ``Damage``, and ``Picture``: all of one size, at most ``playback.MAX_RATE`` a second in order of time."""

    def __init__(self, path: Path, max_side: int, max_seconds: float):
        self._path, self._max_side, self._max_seconds = path, max_side, max_seconds
        self._last_bin, self._shape = -1, None
        self._damage = Damages()

    def __call__(self, header: dict, arrays: Arrays) -> Picture | Damage:
        if "damage" in header:
            return self._damage(header)
        time, planes = checks.number(header["time"]), checks.only(arrays)
        checks.check_length(self._path, time, self._max_seconds)
        if (at := sampling.bin_of(time, playback.MAX_RATE)) <= self._last_bin:
            raise ValueError("pictures are not in the order of time")
        if planes.dtype != np.uint8 or planes.shape != (self._shape or planes.shape):
            raise ValueError("invalid planes")
        rows, width = planes.shape
        if rows % 3 or width % 2 or not planes.size or max(rows * 2 // 3, width) > self._max_side:
            raise ValueError("invalid planes")
        self._last_bin, self._shape = at, planes.shape
        primaries, transfer, matrix = (checks.code_point(value) for value in header["colours"])
        return Picture(time, planes, (primaries, transfer, matrix))


class Stereo:
    """Makes pieces of sound, float32 ``(N, 2)``, that follow each other from ``start`` (s) on."""

    def __init__(self, path: Path, rate: int, start: float, max_seconds: float):
        self._path, self._rate, self._max_seconds = path, rate, max_seconds
        self._written = round(start * rate)

    def __call__(self, header: dict, arrays: Arrays) -> np.ndarray:
        samples = checks.only(arrays)
        if samples.dtype != np.float32 or samples.ndim != 2 or samples.shape[1] != 2 or not len(samples):
            raise ValueError("invalid sound")
        self._written += len(samples)
        checks.check_length(self._path, self._written / self._rate, self._max_seconds)
        return checks.finite(samples)


def _one_less(left: int) -> int:
    if left < 1:
        raise ValueError("too many answers")
    return left - 1
