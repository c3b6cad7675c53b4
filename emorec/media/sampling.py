"""Which pictures of a video are sampled: the first one in each bin of time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from emorec.media.integrity import JUMP
from emorec.media.reader import BIN_EPSILON
from emorec.media.video import pixel_aspect

REORDER_BINS = 64  # bins that are remembered, for pictures that come out of order


def bin_of(time: float, rate: float) -> int:
    """The number k of the bin ``[k / rate, (k + 1) / rate)`` that contains ``time`` (s), with a tolerance for
    rounding."""
    return math.floor(time * rate + BIN_EPSILON)


def sample_frames(pictures: Any, rate: float, first_bin: int, start: float) -> Iterator[tuple[Any, float, Any, Any]]:
    """Yield the first decoded picture in each bin as (reader, time, frame, shape of its pixels).

    If the first bin has none, the picture that is shown then, the last one before, is yielded too.
    The shape is read here, in the thread that decodes, because that thread may close the file before the picture is
    used, and reading a stream of a closed file ends the process.
    """
    last_bin, latest = first_bin - 1, start
    before: tuple[Any, float, Any, Any] | None = None
    for reader, time, frame in pictures:
        number = bin_of(time, rate)
        if 0 <= number < first_bin and last_bin < first_bin:
            before = reader, time, frame, pixel_aspect(reader.streams["video"])
        elif before is not None:
            if number > first_bin:
                yield before
            before = None
        if time < latest - JUMP and last_bin >= first_bin:
            reader.note_error(latest)
        if number > last_bin:
            last_bin, latest = number, time
            yield reader, time, frame, pixel_aspect(reader.streams["video"])
    if before is not None:
        yield before


class BinSampler:
    """Tells for packets, in decoding order, whether their picture can be the first of a bin; it remembers few bins.

    Pictures before ``first_bin`` are needed too: the last one may still be shown then.
    """

    def __init__(self, rate: float, first_bin: int):
        self._rate, self._first_bin = rate, first_bin
        self._earliest: dict[int, float] = {}
        self._last, self._dense = -math.inf, True

    def can_skip(self, time: float) -> bool:
        """Whether the packet, in decoding order, is a B-frame that no bin needs."""
        if time <= self._last:
            return self._dense
        # If the other frames are no further apart than a bin is long, one of them lies in every bin.
        self._dense = self._last == -math.inf or time - self._last <= 1 / self._rate
        self._last = time
        return False

    def is_early(self, time: float) -> bool:
        """Whether the packet lies before the first bin."""
        return bin_of(time, self._rate) < self._first_bin

    def __call__(self, time: float) -> bool:
        number = bin_of(time, self._rate)
        if self._earliest.get(number, math.inf) < time:
            return False
        self._earliest[number] = time
        if len(self._earliest) > 2 * REORDER_BINS:
            self._earliest = dict(sorted(self._earliest.items())[REORDER_BINS:])
        return True
