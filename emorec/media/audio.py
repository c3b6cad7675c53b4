"""Sound on the media's clock: decoded frames of any rate and layout into blocks of mono at one rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from emorec.media import mixdown
from emorec.media.integrity import JUMP
from emorec.media.passes import DamageReport, decode_stream
from emorec.media.reader import BIN_EPSILON, Reader
from emorec.media.selection import EVERYTHING, Selection

# Seconds of sound to decode before the first that is used, so that no codec depends on where decoding began.
WARM_UP = 1.0

LEAD = 0.05  # seconds of sound around a block that the resampler sees; its filter is 2 ms long

GAP = 0.05  # seconds by which sound may differ from its timestamps before these are followed

# Seconds between two frames up to which they are joined; many containers round times.
SLACK = 0.005


def blocks(
    path: Path,
    rate: int,
    start: float,
    block_seconds: float,
    report: DamageReport,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
    part_from: float = 0.0,
) -> Iterator[Block | SplitBlock]:
    """Yield the blocks that contain sound, in order; the first begins where the sound does, the last ends at ``end``
    (s). ``part_from`` is as in ``passes.decode_stream``."""
    first = oldest = math.floor(start / block_seconds + BIN_EPSILON)
    unfinished: dict[int, Block | SplitBlock] = {}
    make_block = block_type(selection.channel)
    started = False
    sign: float | None = None

    def block_at(number: int) -> Block | SplitBlock:
        if number not in unfinished:
            unfinished[number] = make_block(number, *block_edges(number, rate, start, block_seconds, end), rate)
        return unfinished[number]

    def finished(until: float) -> Iterator[Block | SplitBlock]:
        nonlocal oldest, started, sign
        for number in sorted(unfinished):
            if (number + 1) * block_seconds + LEAD > until:
                return
            block, oldest = unfinished.pop(number), number + 1
            sign = block.finish(sign)
            if block.sound_to > block.sound_from or (started and number == first):
                if not started:
                    block.cut_head()
                started = True
                yield block

    joined = _joined_frames(path, start, block_seconds, report, selection, end, part_from)
    for reader, time, source_rate, samples in joined:
        until = time + samples.shape[1] / source_rate
        if time < start and not started:
            started = True
            block_at(first)
        yield from finished(time)
        if first < oldest and until < oldest * block_seconds - JUMP:
            reader.note_error(oldest * block_seconds)
        begin_in = max(math.floor((time - LEAD) / block_seconds), oldest)
        end_in = math.ceil((min(until, end) + LEAD) / block_seconds)
        for number in range(begin_in, end_in):
            block_at(number).add(time, source_rate, samples)
    yield from finished(math.inf)


def _joined_frames(
    path: Path,
    start: float,
    block_seconds: float,
    report: DamageReport,
    selection: Selection,
    end: float,
    part_from: float,
) -> Iterator[tuple[Reader, float, int, np.ndarray]]:
    """Yield ``(reader, time, source_rate, samples)`` with samples ``(channels, N)``.

    Frames that touch the same blocks and follow each other are joined into one piece, because a second of sound is some
    fifty frames and every call costs.
    """
    mixer = mixdown.Mixer(selection.channel)
    options = {"selection": selection, "end": end + LEAD, "part_from": part_from - WARM_UP}
    pieces: list[np.ndarray] = []
    form: Any = None
    source: Any = None
    begin = expected = 0.0
    for reader, time, frame in decode_stream(path, "audio", start - WARM_UP, report, **options):
        samples = mixer.samples(frame)
        if samples is None:
            reader.note_error()
            continue
        until = time + samples.shape[1] / frame.sample_rate
        touched = math.floor((time - LEAD) / block_seconds), math.ceil((until + LEAD) / block_seconds)
        if pieces and (form != (touched, frame.sample_rate, len(samples)) or abs(time - expected) > SLACK):
            yield source, begin, form[1], np.concatenate(pieces, axis=1)
            pieces = []
        if not pieces:
            form, begin, expected, source = (touched, frame.sample_rate, len(samples)), time, time, reader
        pieces.append(samples)
        expected += samples.shape[1] / frame.sample_rate
    if pieces:
        yield source, begin, form[1], np.concatenate(pieces, axis=1)


def block_type(channel: str) -> type[Block] | type[SplitBlock]:
    """The class of a block of the sound of a channel, as ``Selection`` names it."""
    return SplitBlock if channel == "split" else Block


def block_edges(number: int, rate: int, start: float, block_seconds: float, end: float = math.inf) -> tuple[int, int]:
    """The samples, counted from the zero of the clock, at which a block begins and ends."""
    first = max(number * block_seconds, start) * rate
    return round(first), round(min((number + 1) * block_seconds, end) * rate)


class Block:
    """The samples ``[first, last)`` of the output, resampled independently from the sound that overlaps them."""

    def __init__(self, number: int, first: int, last: int, rate: int):
        self.number, self.first, self.last, self._rate = number, first, last, rate
        self.samples = np.zeros(max(0, last - first), dtype=np.float32)
        self.sound_from, self.sound_to = last, first
        self._resampler, self._source_rate, self._expected = None, 0, 0.0
        self._pieces: list[tuple[float, int, np.ndarray]] = []

    def add(self, time: float, source_rate: int, samples: np.ndarray) -> None:
        """Add sound (float32, one or two channels) that begins at ``time`` (s); what lies outside is dropped."""
        self._pieces.append((time, source_rate, samples))

    def finish(self, before: float | None) -> float:
        """Resample what was added; ``before`` is what the previous block returned (None: unknown).

        Returns the sign of the right channel in the mix: -1 if the two channels are out of phase.
        """
        begin = self.first / self._rate
        sign = -1.0 if mixdown.out_of_phase(self._pieces, begin, self.last / self._rate) else 1.0
        for time, source_rate, samples in self._pieces:
            one = mixdown.mono((time, source_rate, samples), sign, before, begin)
            self._resample(time, source_rate, one)
        self._pieces.clear()
        self.end_run()
        return sign

    def _resample(self, time: float, source_rate: int, samples: np.ndarray) -> None:
        if self._resampler is None or source_rate != self._source_rate or abs(time - self._expected) > GAP:
            self.end_run()
            # The resampler's phase depends on its first sample: it begins where both rates meet, so it is always the
            # same.
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
        """Drop the samples before the first sound."""
        self.samples = self.samples[self.sound_from - self.first :]
        self.first = self.sound_from

    def end_run(self) -> None:
        """Add what the resampler still holds; sound added later begins a new run."""
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


class SplitBlock:
    """Two blocks of the same span, one for each channel; ``samples`` are ``(2, last - first)``."""

    def __init__(self, number: int, first: int, last: int, rate: int):
        self.number = number
        self._channels = [Block(number, first, last, rate) for _ in range(2)]

    @property
    def samples(self) -> np.ndarray:
        return np.stack([channel.samples for channel in self._channels])

    @property
    def first(self) -> int:
        return self._channels[0].first

    @property
    def last(self) -> int:
        return self._channels[0].last

    # Both channels get pieces of the same length at the same times, so their sound has the same limits.
    @property
    def sound_from(self) -> int:
        return self._channels[0].sound_from

    @property
    def sound_to(self) -> int:
        return self._channels[0].sound_to

    def add(self, time: float, source_rate: int, samples: np.ndarray) -> None:
        """Add sound ``(2, N)``, or ``(1, N)`` for both channels, as ``Block.add``."""
        for number, channel in enumerate(self._channels):
            index = min(number, len(samples) - 1)
            channel.add(time, source_rate, samples[index : index + 1])

    def finish(self, before: float | None) -> float:
        """As ``Block.finish``; channels that are not mixed have no phase."""
        for channel in self._channels:
            channel.finish(before)
        return 1.0

    def cut_head(self) -> None:
        """As ``Block.cut_head``."""
        for channel in self._channels:
            channel.cut_head()
