"""A source of pictures and sound that are already in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emorec.extraction import arrays
from emorec.media import arrays as memory
from emorec.media.passes import Damage, ShownUntil
from emorec.media.selection import Selection
from emorec.media.streams import AudioBlock, Frame, MediaInfo

ARRAYS_NAME = "recording"  # what results call pictures and sound that have no file name


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
    ) -> Iterator[Frame | Damage | ShownUntil]:
        read = 0

        def images() -> Iterator[np.ndarray]:
            nonlocal read
            for image in () if self.images is None else self.images:
                read += 1
                yield arrays.as_picture(image)

        yield from memory.frames(
            images(), self.frame_rate, rate=rate, start=start, end=end, max_side=max_side, rotate=selection.rotate
        )
        if read:
            yield ShownUntil(read / self.frame_rate if read > 1 else math.inf)

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
            if selection.channel == "split":
                return part[:2]
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
            channel=selection.channel,
        )


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
    sound = None if samples is None else arrays.sound(samples)
    if sound is not None:
        arrays.check_scale(sound)
    return ArraySource(
        name=name,
        images=pictures,
        frame_rate=0.0 if images is None else arrays.rate("frame_rate", frame_rate),
        frame_count=count,
        size=size,
        samples=sound,
        sample_rate=0 if samples is None else int(arrays.rate("sample_rate", sample_rate, whole=True)),
    )
