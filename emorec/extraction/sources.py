"""What stage 1 reads: a media file, decoded in the sandbox, or pictures and sound that are already in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction import arrays
from emorec.media import arrays as memory
from emorec.media import sandbox
from emorec.media.passes import Damage
from emorec.media.selection import Selection
from emorec.media.streams import AudioBlock, Frame, MediaInfo

ARRAYS_NAME = "recording"  # what results call pictures and sound that have no file name

MediaLike = str | PathLike[str] | np.ndarray | Iterable[np.ndarray]

NO_MEDIA = "A recording is a path, or an array with its sample_rate (sound) or frame_rate (pictures); this is {kind}."
RATE_FOR_FILE = "A file has its own rates; give frame_rate, samples and sample_rate with arrays only."
NO_RATE = "Pictures need their frame_rate and sound its sample_rate; give one of them with this array."
TWO_SOUNDS = "Pictures need their frame_rate to be analyzed with samples; give it, or give the samples alone."


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
        self,
        rate: float,
        start: float,
        max_side: int,
        selection: Selection,
        end: float,
    ) -> Iterator[Frame | Damage]:
        """As ``emorec.media.streams.frames``."""
        ...

    def audio(
        self,
        rate: int,
        start: float,
        block_seconds: float,
        selection: Selection,
        end: float,
        part_from: float,
    ) -> Iterator[AudioBlock | Damage]:
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
        self,
        rate: float,
        start: float,
        max_side: int,
        selection: Selection,
        end: float,
    ) -> Iterator[Frame | Damage]:
        return sandbox.frames(self.path, rate, start=start, max_side=max_side, selection=selection, end=end)

    def audio(
        self,
        rate: int,
        start: float,
        block_seconds: float,
        selection: Selection,
        end: float,
        part_from: float,
    ) -> Iterator[AudioBlock | Damage]:
        return sandbox.audio(
            self.path,
            rate,
            start=start,
            block_seconds=block_seconds,
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
        self,
        rate: float,
        start: float,
        max_side: int,
        selection: Selection,
        end: float,
    ) -> Iterator[Frame | Damage]:
        images = (arrays.as_picture(image) for image in (() if self.images is None else self.images))
        return memory.frames(
            images, self.frame_rate, rate=rate, start=start, end=end, max_side=max_side, rotate=selection.rotate
        )

    def audio(
        self,
        rate: int,
        start: float,
        block_seconds: float,
        selection: Selection,
        end: float,
        part_from: float,
    ) -> Iterator[AudioBlock | Damage]:
        sound = self.samples
        assert sound is not None

        def samples(first: int, last: int) -> np.ndarray:
            part = arrays.as_float(sound[:, first:last])
            if selection.channel == "mix" or len(part) == 1:
                return part if len(part) <= 2 else part.mean(axis=0, keepdims=True)
            index = int(selection.channel == "right")
            return part[index : index + 1]

        return memory.audio(
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


def from_media(
    media: MediaLike, frame_rate: float | None, samples: np.ndarray | None, sample_rate: float | None
) -> Source:
    """The source that ``Analyzer.analyze`` is called with.

    Raises EmorecError for anything but a path, or arrays with their rates.
    """
    if isinstance(media, str | PathLike):
        if frame_rate is not None or samples is not None or sample_rate is not None:
            raise EmorecError(RATE_FOR_FILE)
        return of(Path(media))
    if not hasattr(media, "__array__") and not hasattr(media, "__iter__") or isinstance(media, bytes):
        raise EmorecError(NO_MEDIA.format(kind=f"a {type(media).__name__}"))
    if frame_rate is not None:
        return from_arrays(media, frame_rate, samples, sample_rate)
    if samples is not None:
        raise EmorecError(TWO_SOUNDS)
    if sample_rate is None:
        raise EmorecError(NO_RATE)
    return from_arrays(samples=media, sample_rate=sample_rate)


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
        pictures, count, size = arrays.pictures(images)
    return ArraySource(
        name=name,
        images=pictures,
        frame_rate=0.0 if images is None else arrays.rate("frame_rate", frame_rate),
        frame_count=count,
        size=size,
        samples=None if samples is None else arrays.sound(samples),
        sample_rate=0 if samples is None else int(arrays.rate("sample_rate", sample_rate, whole=True)),
    )
