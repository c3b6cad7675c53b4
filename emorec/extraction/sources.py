"""What stage 1 reads: a media file, decoded in the sandbox, or pictures and sound that are already in memory."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from emorec.errors import EmorecError
from emorec.media import arrays, sandbox
from emorec.media.selection import Selection
from emorec.media.streams import AudioBlock, Frame, MediaInfo

MAX_CHANNELS = 64
MAX_SAMPLE_RATE = 768_000  # Hz
MAX_FLOAT = 16.0  # times full scale; larger floats are integers that nobody scaled
CHECKED_SAMPLES = 1 << 20  # samples that are checked in one go
ARRAYS_NAME = "recording"  # what results call pictures and sound that have no file name

NO_PICTURE = "A picture must be a uint8 array of shape (height, width, 3), RGB, or (height, width); this one is {kind}."
NO_PICTURES = (
    "Pictures must be an array of shape (frames, height, width, 3) or an iterable of arrays (height, width, 3); "
    "this is {kind}."
)
NO_SOUND = "Sound must be an array of shape (samples,), (samples, channels) or (channels, samples); this is {kind}."
NO_SOUND_TYPE = "Sound must be floats from -1 to 1 or integers; this is {kind}."
TOO_LOUD = "Sound as floats goes from -1 to 1, and this reaches {peak:g}; divide it by its full scale first."
NOT_FINITE = "The sound holds values that are infinite or not a number; replace them first."
NO_RATE = "The {name} of {value!r} is not possible; give a number above 0{more}."


class Source(Protocol):
    """A recording that stage 1 can read."""

    @property
    def name(self) -> str:
        """What messages and results call it."""
        ...

    def probe(self, selection: Selection) -> MediaInfo:
        """What the recording holds. Raises EmorecError if it cannot be read."""
        ...

    def digest(self) -> str | None:
        """SHA-256 of the content, or None if its features are not stored. Raises EmorecError."""
        ...

    def frames(
        self, rate: float, start: float, max_side: int, on_damage: Callable[[str], None], selection: Selection, end: float
    ) -> Iterator[Frame]:
        """As ``emorec.media.streams.frames``."""
        ...

    def audio(
        self,
        rate: int,
        start: float,
        block_seconds: float,
        on_damage: Callable[[str], None],
        selection: Selection,
        end: float,
        part_from: float,
    ) -> Iterator[AudioBlock]:
        """As ``emorec.media.streams.audio``."""
        ...


@dataclass(frozen=True)
class FileSource:
    """A media file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def probe(self, selection: Selection) -> MediaInfo:
        return sandbox.probe(self.path, selection)

    def digest(self) -> str:
        try:
            with open(self.path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise EmorecError(f"{self.name} is no longer there; put it back.") from None
        except OSError as error:
            raise EmorecError(f"{self.name} cannot be read ({error.strerror or error}).") from None

    def frames(
        self, rate: float, start: float, max_side: int, on_damage: Callable[[str], None], selection: Selection, end: float
    ) -> Iterator[Frame]:
        return sandbox.frames(
            self.path, rate, start=start, max_side=max_side, on_damage=on_damage, selection=selection, end=end
        )

    def audio(
        self,
        rate: int,
        start: float,
        block_seconds: float,
        on_damage: Callable[[str], None],
        selection: Selection,
        end: float,
        part_from: float,
    ) -> Iterator[AudioBlock]:
        return sandbox.audio(
            self.path,
            rate,
            start=start,
            block_seconds=block_seconds,
            on_damage=on_damage,
            selection=selection,
            end=end,
            part_from=part_from,
        )


@dataclass(frozen=True, kw_only=True)
class ArraySource:
    """Pictures, sound, or both, in memory; ``from_arrays`` makes one and checks them. Its features are not stored.

    ``images``: uint8 RGB (H, W, 3), ``frame_rate`` a second; ``frame_count`` is None if it is not known.
    ``samples``: (channels, N) at ``sample_rate`` (Hz). Both begin at 0 s.
    """

    name: str = ARRAYS_NAME
    images: Iterable[np.ndarray] | None = field(default=None, repr=False)
    frame_rate: float = 0.0
    frame_count: int | None = None
    size: tuple[int, int] | None = None  # height and width (px) of the first picture
    samples: np.ndarray | None = field(default=None, repr=False)
    sample_rate: int = 0

    def probe(self, selection: Selection) -> MediaInfo:
        lengths = []
        if self.samples is not None:
            lengths.append(self.samples.shape[1] / self.sample_rate)
        if self.frame_count is not None:
            lengths.append(self.frame_count / self.frame_rate)
        height, width = self.size or (None, None)
        if selection.rotate % 180:
            height, width = width, height
        return MediaInfo(
            path=Path(self.name),
            container="array",
            duration=max(lengths, default=None),
            has_video=self.images is not None,
            has_audio=self.samples is not None,
            width=width,
            height=height,
            frame_rate=self.frame_rate or None,
            video_codec=None,
            audio_codec=None,
            size=0,
            video_tracks=int(self.images is not None),
            audio_tracks=int(self.samples is not None),
            video_track=1 if self.images is not None else None,
            audio_track=1 if self.samples is not None else None,
        )

    def digest(self) -> None:
        return None

    def frames(
        self, rate: float, start: float, max_side: int, on_damage: Callable[[str], None], selection: Selection, end: float
    ) -> Iterator[Frame]:
        images = (as_picture(image) for image in self.images or ())
        return arrays.frames(
            images, self.frame_rate, rate=rate, start=start, end=end, max_side=max_side, rotate=selection.rotate
        )

    def audio(
        self,
        rate: int,
        start: float,
        block_seconds: float,
        on_damage: Callable[[str], None],
        selection: Selection,
        end: float,
        part_from: float,
    ) -> Iterator[AudioBlock]:
        sound = self.samples
        assert sound is not None

        def samples(first: int, last: int) -> np.ndarray:
            part = as_float(sound[:, first:last])
            if selection.channel == "mix" or len(part) == 1:
                return part if len(part) <= 2 else part.mean(axis=0, keepdims=True)
            index = int(selection.channel == "right")
            return part[index : index + 1]

        return arrays.audio(
            samples,
            sound.shape[1],
            self.sample_rate,
            rate=rate,
            start=start,
            end=end,
            block_seconds=block_seconds,
        )


def of(media: str | Path | Source) -> Source:
    """The source that a path names; a source stays what it is."""
    return FileSource(Path(media)) if isinstance(media, str | Path) else media


def from_arrays(
    images: object = None,
    frame_rate: float | None = None,
    samples: object = None,
    sample_rate: float | None = None,
    name: str = ARRAYS_NAME,
) -> ArraySource:
    """An ArraySource of pictures and sound in memory, checked.

    ``images``: an array (frames, height, width, 3) of uint8 RGB, or (frames, height, width) of grey, or an iterable of
    such pictures, which is read once. ``samples``: an array (N,), (N, channels) or (channels, N), where the shorter
    axis is that of the channels; floats have a full scale of 1, integers that of their type.
    Raises EmorecError, in one sentence, for anything else.
    """
    pictures: Iterable[np.ndarray] | None = None
    count = size = None
    if images is not None:
        pictures, count, size = _pictures(images)
    return ArraySource(
        name=name,
        images=pictures,
        frame_rate=0.0 if images is None else _rate("frame_rate", frame_rate),
        frame_count=count,
        size=size,
        samples=None if samples is None else _sound(samples),
        sample_rate=0 if samples is None else int(_rate("sample_rate", sample_rate, whole=True)),
    )


def as_picture(image: object) -> np.ndarray:
    """A picture, uint8 RGB (H, W, 3) or grey (H, W), as RGB (H, W, 3). Raises EmorecError for anything else."""
    array = as_array(image)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or not array.size or array.shape[2:] not in ((), (3,)):
        raise EmorecError(NO_PICTURE.format(kind=_kind(array)))
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


def _pictures(images: object) -> tuple[Iterable[np.ndarray], int | None, tuple[int, int]]:
    """The pictures, how many there are (None if not known), and height and width of the first."""
    if hasattr(images, "__array__"):
        array = as_array(images)
        if array.ndim not in (3, 4) or not len(array):
            raise EmorecError(NO_PICTURES.format(kind=_kind(array)))
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


def _sound(samples: object) -> np.ndarray:
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


def _rate(name: str, value: object, whole: bool = False) -> float:
    """A rate (Hz) above 0. Raises EmorecError."""
    more = f" and at most {MAX_SAMPLE_RATE}, without a fraction" if whole else ""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 < float(value) < math.inf or (whole and (float(value) % 1 or value > MAX_SAMPLE_RATE)):
        raise EmorecError(NO_RATE.format(name=name, value=value, more=more))
    return float(value)


def _kind(array: np.ndarray) -> str:
    """An array in a message: ``float64 of shape (3, 4)``."""
    return f"{array.dtype} of shape {array.shape}"
