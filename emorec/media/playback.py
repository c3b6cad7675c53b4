"""Every picture and the whole sound of a recording, as a player shows and plays them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from emorec.media import mixdown
from emorec.media.audio import WARM_UP
from emorec.media.integrity import AV_ERRORS
from emorec.media.passes import Damage, DamageReport, decode_stream
from emorec.media.sampling import bin_of
from emorec.media.selection import EVERYTHING, Selection
from emorec.media.video import pixel_aspect, rotate_image, upright

MAX_RATE = 1000.0  # pictures a second; more than one in a millisecond are left out
SLACK = 0.01  # seconds by which sound may differ from its timestamps before these are followed
PIECE = 0.25  # seconds of sound that are yielded at a time, because every transfer costs
SILENCE = 1.0  # seconds; the longest piece of silence that is yielded at a time

# Code points of ITU-T H.273.
UNKNOWN = (2, 2, 2)
BT709 = (1, 1, 1)
MATRICES = (1, 4, 5, 6, 7, 9, 10)  # of brightness and two colour differences; other encodings are not tagged

Colours = tuple[int, int, int]


@dataclass(frozen=True)
class Picture:
    """An upright picture with square pixels and even sides at ``time`` (s).

    ``planes`` is uint8 ``(3 * H / 2, W)``: the brightness ``(H, W)``, from 16 to 235, and after it the two colour
    differences ``(H / 2, W / 2)`` (yuv420p). ``colours`` are the code points (ITU-T H.273) of primaries, transfer and
    matrix.
    """

    time: float
    planes: np.ndarray
    colours: Colours


def pictures(
    path: str | Path,
    start: float = 0.0,
    max_side: int = 1280,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
) -> Iterator[Picture | Damage]:
    """Yield every picture from ``start`` to ``end`` (s) in the order of time, all of one size.

    The picture that is on the screen at ``start`` comes first, with that time. The longer side is scaled down to
    ``max_side`` (px). Damage is among the pictures or comes last. Raises ``EmorecError`` as ``streams.probe`` does.
    """
    report = DamageReport()
    make = _PictureMaker(max_side, selection.rotate)
    before, last = None, -1
    for reader, time, frame in decode_stream(Path(path), "video", start, report, selection=selection, end=end):
        yield from report.take_new()
        aspect = pixel_aspect(reader.streams["video"])
        if time < start:
            before = (frame, aspect)
            continue
        if before is not None and bin_of(time, MAX_RATE) > bin_of(start, MAX_RATE):
            last = bin_of(start, MAX_RATE)
            yield from make(start, *before)
        before = None
        if (current := bin_of(time, MAX_RATE)) <= last:
            continue
        last = current
        made = make(time, frame, aspect)
        if not made:
            reader.note_error(time)
        yield from made
    if before is not None:
        yield from make(start, *before)
    yield from report.take_rest()


class _PictureMaker:
    """Makes ``Picture`` of decoded frames, all in the size of the first one."""

    def __init__(self, max_side: int, rotate: int):
        self._max_side, self._rotate = max_side, rotate
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = None

    def __call__(self, time: float, frame: av.VideoFrame, aspect: float) -> list[Picture]:
        if self._size is None:
            sides = frame.width * aspect, frame.height
            scale = min(1.0, self._max_side / max(sides))
            # Whole pairs of pixels, because two by two of them share one colour.
            width, height = (max(2, 2 * int(side * scale / 2 + 0.25)) for side in sides)
            self._size = width, height
        try:
            planes, colours = self._planes(frame, *self._size)
        except AV_ERRORS:
            return []
        shown = [rotate_image(upright(plane, frame), self._rotate) for plane in planes]
        joined = np.concatenate([plane.ravel() for plane in shown]).reshape(-1, shown[0].shape[1])
        return [Picture(time, joined, colours)]

    def _planes(self, frame: av.VideoFrame, width: int, height: int) -> tuple[list[np.ndarray], Colours]:
        target: dict[str, Any] = {"dst_color_range": ColorRange.MPEG}
        if frame.format.is_rgb or frame.format.has_palette:
            target["dst_colorspace"], colours = Colorspace.ITU709, BT709
        else:
            matrix = int(frame.colorspace)
            colours = UNKNOWN if matrix not in MATRICES else (int(frame.color_primaries), int(frame.color_trc), matrix)
        whole = self._reformatter.reformat(frame, width, height, "yuv420p", **target).to_ndarray()
        half = (height // 2, width // 2)
        blue, red = np.split(whole[height:].reshape(-1), 2)
        return [whole[:height], blue.reshape(half), red.reshape(half)], colours


def stereo(
    path: str | Path,
    rate: int = 48_000,
    start: float = 0.0,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
) -> Iterator[np.ndarray]:
    """Yield the sound from ``start`` to ``end`` (s), float32 ``(N, 2)`` at ``rate`` (Hz), nothing if there is none.

    The first sample is that at ``start``, and each piece continues the one before: gaps are filled with silence. Sound
    with more than two channels is mixed to two. Raises ``EmorecError`` as ``streams.probe`` does.
    """
    report = DamageReport()
    mixer = mixdown.Mixer()
    track = _SoundTrack(rate, end - start)
    needed = start - WARM_UP
    ready: list[np.ndarray] = []
    frames = decode_stream(Path(path), "audio", needed, report, selection=selection, end=end, part_from=needed)
    for reader, time, frame in frames:
        samples = mixer.samples(frame)
        if samples is None:
            reader.note_error()
            continue
        for piece in track.add(time - start, frame.sample_rate, samples):
            ready.append(piece)
            if sum(map(len, ready)) >= PIECE * rate:
                yield np.concatenate(ready)
                ready = []
    if ready := [*ready, *track.rest()]:
        yield np.concatenate(ready)


class _SoundTrack:
    """Puts sound of any rate on one clock, from 0 to ``seconds`` (s)."""

    def __init__(self, rate: int, seconds: float):
        self._rate = rate
        self._limit = math.inf if seconds == math.inf else round(seconds * rate)
        self._written = self._cursor = 0  # samples that were yielded; where the resampler's next sample belongs
        self._source_rate, self._expected = 0, 0.0
        self._resampler: Any = None

    def add(self, time: float, source_rate: int, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Yield what is complete once ``samples`` ``(1 or 2, N)``, which begin at ``time`` (s), are there."""
        if self._resampler is None or source_rate != self._source_rate or abs(time - self._expected) > SLACK:
            yield from self.rest()
            self._resampler, self._source_rate = av.AudioResampler("fltp", "stereo", self._rate), source_rate
            self._cursor, self._expected = round(time * self._rate), time
        self._expected += samples.shape[1] / source_rate
        both = np.ascontiguousarray(np.broadcast_to(samples, (2, samples.shape[1])))
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.sample_rate = source_rate
        yield from self._placed(self._resampler.resample(frame))

    def rest(self) -> Iterator[np.ndarray]:
        """Yield what the resampler still holds."""
        if self._resampler is not None:
            yield from self._placed(self._resampler.resample(None))
            self._resampler = None

    def _placed(self, pieces: list[av.AudioFrame]) -> Iterator[np.ndarray]:
        for piece in pieces:
            samples = piece.to_ndarray().T
            begin, self._cursor = self._cursor, self._cursor + len(samples)
            while self._written < min(begin, self._limit):
                length = int(min(min(begin, self._limit) - self._written, SILENCE * self._rate))
                self._written += length
                yield np.zeros((length, 2), np.float32)
            samples = samples[self._written - begin : int(min(self._cursor, self._limit)) - begin]
            if self._cursor > self._written and len(samples):
                self._written += len(samples)
                yield np.ascontiguousarray(samples)
