"""Check pictures and sound that are given as arrays, and bring them into one shape.

Every function raises EmorecError, in one sentence, for what cannot be used.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from numbers import Real
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError
from emorec.media.containers import MAX_CHANNELS, MAX_SAMPLE_RATE

MAX_FLOAT = 16.0  # times full scale; larger floats are unscaled integers
CHECKED_SAMPLES = 1 << 20  # samples that are checked in one go
# Integers of so many bytes that reach no further than this are unscaled samples of a smaller type: at the full scale of
# their own type they are below the noise of any microphone. What is even smaller may be digital silence.
UNSCALED = {4: 1 << 15, 8: 1 << 31}
SILENT = 1 << 7
WIDE_PADDING = 256  # 24 bit samples in 32 bits are multiples of it, also those of a silent microphone
LEAST_SAMPLE_RATE = 1000  # Hz; a lower one is usually in kHz

NO_PICTURE = "A picture must be a uint8 array of shape (height, width, 3), RGB, or (height, width); this one is {kind}."
NO_PICTURES = (
    "Pictures must be an array of shape (frames, height, width, 3) or an iterable of arrays (height, width, 3); "
    "this is {kind}."
)
ONE_PICTURE = "This is one picture, of shape {shape}; give a list of pictures, or one picture to analyze_image."
NO_SOUND = "Sound must be an array of shape (samples,), (samples, channels) or (channels, samples); this is {kind}."
NO_SOUND_TYPE = "Sound must be floats from -1 to 1 or integers; this is {kind}."
TOO_LOUD = "Sound as floats goes from -1 to 1, and this reaches {peak:g}; divide it by its full scale first."
TOO_QUIET = (
    "Sound as {dtype} has a full scale of {full}, and this reaches only {peak}; give it in the type that it was "
    "recorded in, such as int16, or as floats from -1 to 1."
)
NOT_FINITE = "The sound holds values that are infinite or not a number; replace them first."
NO_RATE = "The {name} of {value!r} is not possible; give a number above 0{more}."
TOO_LOW = "The {name} of {value:g} Hz is too low for speech; give the samples in a second, such as 16000."


def as_picture(image: object) -> np.ndarray:
    """A picture, uint8 RGB (H, W, 3) or grey (H, W), as RGB (H, W, 3). Raises EmorecError for anything else."""
    array = as_array(image)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or not array.size or array.shape[2:] not in ((), (3,)):
        kind = _kind(array) if array.dtype.kind in "biufc" else f"a {type(image).__name__}"
        raise EmorecError(NO_PICTURE.format(kind=kind))
    return array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=2)


def as_array(given: object) -> np.ndarray:
    """A numpy array of what numpy can make one of, a tensor on the CPU included. Raises EmorecError."""
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EmorecError(f"This cannot be read as a numpy array ({error}).") from None


def as_float(samples: np.ndarray) -> np.ndarray:
    """Samples of any type as float32 with a full scale of 1; unsigned integers are centred on half their range."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    limits = np.iinfo(samples.dtype)
    half = (int(limits.max) - int(limits.min) + 1) / 2
    centre = half if samples.dtype.kind == "u" else 0.0
    return ((samples.astype(np.float64) - centre) / half).astype(np.float32)


def pictures(images: object) -> tuple[Iterable[np.ndarray], int | None, tuple[int, int]]:
    """The pictures, how many there are (None if not known), and height and width of the first."""
    if hasattr(images, "__array__"):
        array = as_array(images)
        if array.ndim not in (3, 4) or not len(array):
            raise EmorecError(NO_PICTURES.format(kind=_kind(array)))
        if array.ndim == 3 and array.shape[2] in (3, 4):  # else the rows of its pixels would be grey pictures
            raise EmorecError(ONE_PICTURE.format(shape=array.shape))
        first = as_picture(array[0])
        return array, len(array), (first.shape[0], first.shape[1])
    if isinstance(images, str | bytes | Path) or not isinstance(images, Iterable):
        raise EmorecError(NO_PICTURES.format(kind=f"a {type(images).__name__}"))
    iterator = iter(images)
    for image in iterator:
        first = as_picture(image)
        count = len(images) if isinstance(images, list | tuple) else None
        again = images if isinstance(images, list | tuple) else itertools.chain([first], iterator)
        return again, count, (first.shape[0], first.shape[1])
    raise EmorecError("There are no pictures; give at least one.")


def sound(samples: object) -> np.ndarray:
    """Samples as (channels, N), in their own type."""
    array = as_array(samples)
    if array.dtype.kind not in "fiu":
        raise EmorecError(NO_SOUND_TYPE.format(kind=_kind(array)))
    array = array[None] if array.ndim == 1 else array
    if array.ndim != 2 or not array.size or min(array.shape) > MAX_CHANNELS:
        raise EmorecError(NO_SOUND.format(kind=_kind(array)))
    array = array if array.shape[0] <= array.shape[1] else array.T
    if array.dtype.kind == "f":
        for begin in range(0, array.shape[1], CHECKED_SAMPLES):
            peak = float(np.abs(array[:, begin : begin + CHECKED_SAMPLES]).max())
            if not math.isfinite(peak):
                raise EmorecError(NOT_FINITE)
            if peak > MAX_FLOAT:
                raise EmorecError(TOO_LOUD.format(peak=peak))
    return array


def check_scale(array: np.ndarray) -> None:
    """Raise EmorecError for a whole recording of integers that hold samples of a smaller type without its scale."""
    if array.dtype.kind == "f" or array.itemsize not in UNSCALED or not array.size:
        return
    peak = max(int(array.max()), -int(array.min()))
    if not SILENT < peak <= UNSCALED[array.itemsize]:
        return
    if array.itemsize == 8 or (array % WIDE_PADDING).any():
        full = np.iinfo(array.dtype).max
        raise EmorecError(TOO_QUIET.format(dtype=array.dtype, full=full, peak=peak))


def rate(name: str, value: object, whole: bool = False) -> float:
    """A rate (Hz) above 0; if ``whole``, that of sound, without a fraction. Raises EmorecError."""
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not 0 < number < math.inf or (whole and (number % 1 or number > MAX_SAMPLE_RATE)):
        more = f" and at most {MAX_SAMPLE_RATE}, without a fraction" if whole else ""
        raise EmorecError(NO_RATE.format(name=name, value=value, more=more))
    if whole and number < LEAST_SAMPLE_RATE:
        raise EmorecError(TOO_LOW.format(name=name, value=number))
    return number


def _kind(array: np.ndarray) -> str:
    """An array in a message: ``float64 of shape (3, 4)``."""
    return f"{array.dtype} of shape {array.shape}"
