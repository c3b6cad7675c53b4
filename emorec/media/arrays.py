"""Pictures and sound that are already in memory, as the frames and audio blocks that decoding a file gives.

They are sampled and resampled as those of files are, by the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import av
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter

from emorec.media.audio import LEAD, block_edges, block_type
from emorec.media.reader import BIN_EPSILON
from emorec.media.sampling import bin_of
from emorec.media.streams import AudioBlock, Frame
from emorec.media.video import picture, rotate_image


def frames(
    images: Iterable[np.ndarray],
    frame_rate: float,
    *,
    rate: float,
    start: float,
    end: float,
    max_side: int,
    rotate: int,
) -> Iterator[Frame]:
    """Yield at most ``rate`` frames a second: the first image in each bin ``[k / rate, (k + 1) / rate)``.

    ``images`` are uint8 RGB (H, W, 3), ``frame_rate`` a second, the first at 0 s. Frames before ``start`` (s) are
    dropped, but for the one that is shown then if the first bin has none, and reading stops at ``end`` (s). The longer
    side is scaled down to ``max_side`` (px); images are first turned clockwise by ``rotate`` degrees.
    """
    reformatter, grey_reformatter = VideoReformatter(), VideoReformatter()

    def made(time: float, image: np.ndarray) -> Frame:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rotate_image(image, rotate)), format="rgb24")
        grey = grey_reformatter.reformat(frame, format="gray", dst_color_range=ColorRange.JPEG).to_ndarray()
        return Frame(time, picture(frame, reformatter, 1.0, max_side), grey, limited=False)

    first_bin = math.ceil(start * rate - BIN_EPSILON)
    last_bin = first_bin - 1
    before: tuple[float, np.ndarray] | None = None
    for number, image in enumerate(images):
        time = number / frame_rate
        if time >= end:
            break
        if (current := bin_of(time, rate)) <= last_bin:
            before = (time, image) if current < first_bin else None
            continue
        if before is not None and current > first_bin:
            yield made(*before)
        before, last_bin = None, current
        yield made(time, image)
    if before is not None:
        yield made(*before)


def audio(
    samples: Callable[[int, int], np.ndarray],
    count: int,
    sample_rate: int,
    *,
    rate: int,
    start: float,
    end: float,
    block_seconds: float,
    channel: str = "mix",
) -> Iterator[AudioBlock]:
    """Yield sound as mono blocks at ``rate`` (Hz), which end at multiples of ``block_seconds``.

    ``samples(first, last)`` gives float32 (1 or 2 channels, last - first) of the ``count`` samples at ``sample_rate``
    (Hz), the first at 0 s. Two channels are mixed as those of a file are, or stay apart if ``channel`` is "split".
    Sound before ``start`` and from ``end`` (s) on is left out.
    """
    duration = min(count / sample_rate, end)
    sign: float | None = None
    for number in range(math.floor(start / block_seconds + BIN_EPSILON), math.ceil(duration / block_seconds)):
        block = block_type(channel)(number, *block_edges(number, rate, start, block_seconds, end), rate)
        first = max(0, math.floor((number * block_seconds - LEAD) * sample_rate))
        last = min(count, math.ceil(((number + 1) * block_seconds + LEAD) * sample_rate))
        block.add(first / sample_rate, sample_rate, samples(first, last))
        sign = block.finish(sign)
        if block.sound_to > block.first:
            yield AudioBlock(block.first / rate, block.samples[..., : block.sound_to - block.first])
