"""Sound on the media's clock: decoded frames of any rate and layout into blocks of mono at one rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np

from emorec.media_damage import AV_ERRORS, JUMP
from emorec.media_reader import BIN_EPSILON, Reader, decoded, say_damage

WARM_UP = 1.0
"""Seconds of sound to decode before the first that is used: by then no codec remembers where decoding began."""

LEAD = 0.05
"""Seconds of sound around a block that the resampler sees; its filter is 2 ms long."""

GAP = 0.05
"""Seconds by which sound may be off its timestamps before these are followed."""

SLACK = 0.005
"""Seconds by which a frame may be off where the one before it ended to be joined to it; many containers round times."""


def blocks(
    path: Path, rate: int, start: float, block_seconds: float, on_damage: Callable[[str], None] | None
) -> Iterator[Block]:
    """Yield the blocks that hold sound, in order, the first of them cut to where the sound begins."""
    first = oldest = math.floor(start / block_seconds + BIN_EPSILON)
    unfinished: dict[int, Block] = {}
    begun = False

    def block_at(number: int) -> Block:
        if number not in unfinished:
            unfinished[number] = Block(number, *edges(number, rate, start, block_seconds), rate)
        return unfinished[number]

    def finished(until: float) -> Iterator[Block]:
        nonlocal oldest, begun
        for number in sorted(unfinished):
            if (number + 1) * block_seconds + LEAD > until:
                return
            block, oldest = unfinished.pop(number), number + 1
            block.end_run()
            if block.sound_to > block.sound_from or (begun and number == first):
                if not begun:
                    block.cut_head()
                begun = True
                yield block

    ended: list[Reader] = []
    for reader, time, source_rate, samples in _joined(path, start, block_seconds, ended.append):
        end = time + len(samples) / source_rate
        if time < start and not begun:
            begun = True
            block_at(first)
        yield from finished(time)
        if first < oldest and end < oldest * block_seconds - JUMP:
            reader.fault(oldest * block_seconds)
        begin_in = max(math.floor((time - LEAD) / block_seconds), oldest)
        end_in = math.ceil((end + LEAD) / block_seconds)
        for number in range(begin_in, end_in):
            block_at(number).add(time, source_rate, samples)
    yield from finished(math.inf)
    say_damage(ended, on_damage)


def _joined(
    path: Path, start: float, block_seconds: float, ended: Callable[[Reader], None]
) -> Iterator[tuple[Reader, float, int, np.ndarray]]:
    """Yield ``(reader, time, source_rate, samples)`` of mono sound, frames that touch the same blocks and follow each
    other joined into one piece, because a second of sound is some fifty frames and every call costs."""
    mixer = _Mixer()
    pieces: list[np.ndarray] = []
    form, begin, expected, source = None, 0.0, 0.0, None
    for reader, time, frame in decoded(path, "audio", start - WARM_UP, ended):
        samples = mixer.mono(frame)
        if samples is None:
            reader.fault()
            continue
        end = time + len(samples) / frame.sample_rate
        touched = math.floor((time - LEAD) / block_seconds), math.ceil((end + LEAD) / block_seconds)
        if pieces and (form != (touched, frame.sample_rate) or abs(time - expected) > SLACK):
            yield source, begin, form[1], np.concatenate(pieces)
            pieces = []
        if not pieces:
            form, begin, expected, source = (touched, frame.sample_rate), time, time, reader
        pieces.append(samples)
        expected += len(samples) / frame.sample_rate
    if pieces:
        yield source, begin, form[1], np.concatenate(pieces)


def edges(number: int, rate: int, start: float, block_seconds: float) -> tuple[int, int]:
    """The samples, counted from the zero of the clock, at which a block begins and ends."""
    return max(round(number * block_seconds * rate), round(start * rate)), round((number + 1) * block_seconds * rate)


class Block:
    """The samples ``[first, last)`` of the output, resampled on their own from the sound that touches them."""

    def __init__(self, number: int, first: int, last: int, rate: int):
        self.number, self.first, self.last, self._rate = number, first, last, rate
        self.samples = np.zeros(max(0, last - first), dtype=np.float32)
        self.sound_from, self.sound_to = last, first
        self._resampler, self._source_rate, self._expected = None, 0, 0.0

    def add(self, time: float, source_rate: int, samples: np.ndarray) -> None:
        """Put in sound (mono float32) that begins at ``time`` (s); what lies outside is dropped."""
        if self._resampler is None or source_rate != self._source_rate or abs(time - self._expected) > GAP:
            self.end_run()
            # The resampler's phase hangs on its first sample: begin where both rates meet, and it is always the same.
            step = source_rate // math.gcd(source_rate, self._rate)
            begin = round(time * source_rate)
            padding = begin % step
            self._cursor = (begin - padding) * self._rate // source_rate
            self._run_from = -(-begin * self._rate // source_rate)
            self._source_rate, self._expected = source_rate, time
            self._resampler = av.AudioResampler("fltp", "mono", self._rate)
            samples = np.concatenate([np.zeros(padding, dtype=np.float32), samples])
            self._expected -= padding / source_rate
        self._expected += len(samples) / source_rate
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = source_rate
        self._write(self._resampler.resample(frame))

    def cut_head(self) -> None:
        """Drop what lies before the first sound."""
        self.samples = self.samples[self.sound_from - self.first :]
        self.first = self.sound_from

    def end_run(self) -> None:
        """Put in what the resampler still holds; sound added later begins a new run."""
        if self._resampler is not None:
            self._write(self._resampler.resample(None))
            self._resampler = None

    def _write(self, pieces: list[av.AudioFrame]) -> None:
        for piece in pieces:
            samples = piece.to_ndarray()[0]
            begin = max(self._cursor, self._run_from, self.first)
            end = min(self._cursor + len(samples), self.last)
            if begin < end:
                self.samples[begin - self.first : end - self.first] = samples[begin - self._cursor : end - self._cursor]
                self.sound_from, self.sound_to = min(self.sound_from, begin), max(self.sound_to, end)
            self._cursor += len(samples)


class _Mixer:
    """Turns decoded sound of any format and layout into float32 mono at its own rate."""

    def __init__(self):
        self._resampler, self._form = None, None

    def mono(self, frame: av.AudioFrame) -> np.ndarray | None:
        """Samples ``(N,)``, or None if there are none to be had."""
        if not frame.samples or not frame.sample_rate:
            return None
        if frame.format.name == "fltp" and frame.layout.name in ("mono", "stereo"):
            # What most decoders give; the resampler would say the same, and takes its time.
            channels = frame.to_ndarray()
            return channels[0] if len(channels) == 1 else (channels[0] + channels[1]) * np.float32(0.5)
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        frame.pts = None
        try:
            if form != self._form:
                # Channels are averaged, not summed, so that a voice is as loud in stereo as in mono.
                self._resampler = av.AudioResampler("fltp", "mono", frame.sample_rate, options={"rematrix_maxval": "1"})
                self._form = form
            return np.concatenate([out.to_ndarray()[0] for out in self._resampler.resample(frame)])
        except AV_ERRORS:
            self._form = None
            return None
