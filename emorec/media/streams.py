"""From a recording to pictures and sound on one clock.

Time is seconds on the media's own clock: its zero is the container's start, as in a browser's player, and every time
comes from presentation timestamps. Sampling keeps no state: which pictures are taken and where a block of sound ends
depends on their times alone, so a run that starts in the middle gets what an unbroken one gets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.reformatter import VideoReformatter

from emorec.errors import EmorecError
from emorec.media import containers
from emorec.media import duration as media_length
from emorec.media.audio import blocks, edges
from emorec.media.integrity import AV_ERRORS, JUMP
from emorec.media.passes import DamageReport, decoded
from emorec.media.reader import BIN_EPSILON, Reader, frame_rate
from emorec.media.selection import EVERYTHING, Selection, tracks
from emorec.media.video import Grey, Turned, picture, pixel_aspect, turned, upright_size
from emorec.prefetch import Prefetcher

PICTURES_AHEAD = 3
"""Sampled pictures that may be decoded before the first of them is converted, in a thread of its own."""

REORDER_BINS = 64
"""Bins that are remembered, for pictures that come out of order."""


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds. ``duration`` (s) is the best estimate, None if unknown; ``width`` and ``height`` (px) are
    upright and with square pixels; ``frame_rate`` (Hz) is the average; ``size`` is in bytes. ``video_tracks`` and
    ``audio_tracks`` count what there is to choose from, what cannot be decoded included; ``video_track`` and
    ``audio_track`` are the numbers, from 1, of those that this tells of."""

    path: Path
    container: str
    duration: float | None
    has_video: bool
    has_audio: bool
    width: int | None
    height: int | None
    frame_rate: float | None
    video_codec: str | None
    audio_codec: str | None
    size: int
    video_tracks: int = 0
    audio_tracks: int = 0
    video_track: int | None = None
    audio_track: int | None = None


@dataclass(frozen=True)
class Frame:
    """A picture at ``time`` (s), upright: ``image`` is uint8 RGB ``(H, W, 3)``, scaled down as was asked for, and
    ``grey`` gives any part of the brightness at full size."""

    time: float
    image: np.ndarray
    grey: Grey | Turned


@dataclass(frozen=True)
class AudioBlock:
    """Sound from ``time`` (s) on: ``samples`` is float32 mono ``(N,)``."""

    time: float
    samples: np.ndarray


def probe(path: str | Path, selection: Selection = EVERYTHING) -> MediaInfo:
    """Say what a recording holds, after trying to decode a first picture and a first sound of what is selected.

    Of a kind that is not selected nothing is decoded, and ``width`` and ``height`` are unknown without pictures.
    Raises ``EmorecError`` if there is no such file, or it is a directory, empty, a picture, no recording at all, too
    damaged to open, or has neither video nor audio that can be decoded, or not the track that is selected.
    """
    path = Path(path)
    with Reader(path, selection) as reader:
        streams = {kind: stream for kind, stream in reader.streams.items() if stream is not None}
        if not reader.container.streams:
            raise containers.unreadable(path)
        if not any(reader.has.values()):
            raise EmorecError(f"{path.name} holds neither video nor audio that can be decoded.")
        firsts = reader.first_frames()
        if streams and not firsts:
            raise EmorecError(f"{path.name} is too damaged: neither a picture nor a sound in it can be decoded.")
        video, sound = reader.streams["video"], reader.streams["audio"]
        width = height = rate = None
        if video is not None:
            width, height = upright_size(firsts.get("video", video.codec_context), pixel_aspect(video))
            width, height = (height, width) if selection.rotate % 180 else (width, height)
            if reader.names != "webp":  # whose pictures each have a length of their own
                rate = frame_rate(video)
        return MediaInfo(
            path=path,
            container=containers.short_name(reader.names, path),
            duration=media_length.stated(reader) or media_length.counted(path),
            has_video=reader.has["video"],
            has_audio=reader.has["audio"],
            width=width,
            height=height,
            frame_rate=rate,
            video_codec="webp" if reader.names == "webp" else _codec(video),
            audio_codec=_codec(sound),
            size=path.stat().st_size,
            video_tracks=len(tracks(reader.container, "video")),
            audio_tracks=len(tracks(reader.container, "audio")),
            video_track=_number(reader.container, video),
            audio_track=_number(reader.container, sound),
        )


def frames(
    path: str | Path,
    rate: float = 5.0,
    start: float = 0.0,
    max_side: int = 1280,
    on_damage: Callable[[str], None] | None = None,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
) -> Iterator[Frame]:
    """Yield at most ``rate`` pictures a second in the order of time, none if there is no video.

    Time is cut into bins ``[k / rate, (k + 1) / rate)`` and the first picture of each is taken, from the first bin
    that begins at ``start`` (s) or later; where decoding can pass over pictures shown between two others, the first of
    those others. A start in the middle yields the very pictures of an unbroken pass. None comes from ``end`` (s)
    on. The longer side is scaled down to ``max_side`` (px).

    ``on_damage`` gets one sentence if the video is broken or cut off. Raises ``EmorecError`` as ``probe`` does.
    """
    first_bin = math.ceil(start * rate - BIN_EPSILON)
    reformatter = VideoReformatter()
    report = DamageReport(on_damage)
    pictures = decoded(Path(path), "video", start, report, lambda: _Wanted(rate, first_bin), selection, end)
    with Prefetcher(_sampled(pictures, rate, first_bin, start), PICTURES_AHEAD) as sampled:
        for reader, time, frame in sampled:
            try:
                aspect = pixel_aspect(reader.streams["video"])
                image = picture(frame, reformatter, aspect, max_side)
            except AV_ERRORS:
                reader.fault(time)
                continue
            grey = Grey(frame, aspect)
            if selection.rotate:
                image, grey = turned(image, selection.rotate), Turned(grey, selection.rotate)
            yield Frame(time, image, grey)
    report.end()


def _sampled(pictures, rate, first_bin, start):
    """Of decoded pictures the first in each bin."""
    last_bin, latest = first_bin - 1, start
    for reader, time, frame in pictures:
        number = bin_of(time, rate)
        if time < latest - JUMP and last_bin >= first_bin:
            reader.fault(latest)
        if number > last_bin:
            last_bin, latest = number, time
            yield reader, time, frame


def audio(
    path: str | Path,
    rate: int = 16_000,
    start: float = 0.0,
    block_seconds: float = 10.0,
    on_damage: Callable[[str], None] | None = None,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
    part_from: float = 0.0,
) -> Iterator[AudioBlock]:
    """Yield the sound in blocks, nothing if there is no audio.

    Blocks end at the multiples of ``block_seconds`` on the media's clock, or where the sound ends; the first begins
    where the sound does. Missing sound inside is silence, so the samples keep the media's clock. Every block is
    resampled on its own: a ``start`` (s) at a multiple of ``block_seconds`` gives the very blocks of an unbroken pass
    (samples at most 1e-4 apart). Where codec or container allow no jump (aac, mp3 files, ...) decoding begins at the
    beginning all the same, which costs about ten seconds for an hour; for aac it begins at ``part_from`` (s), where a
    part that is asked for begins. Sound from ``end`` (s) on is left out.

    ``on_damage`` gets one sentence if the audio is broken or cut off. Raises ``EmorecError`` as ``probe`` does.
    """
    held = None
    for block in blocks(Path(path), rate, start, block_seconds, on_damage, selection, end, part_from):
        if held is not None:
            yield AudioBlock(held.first / rate, held.samples)
            for number in range(held.number + 1, block.number):
                first, last = edges(number, rate, start, block_seconds)
                yield AudioBlock(first / rate, np.zeros(last - first, dtype=np.float32))
        held = block
    if held is not None and held.sound_to > held.first:
        yield AudioBlock(held.first / rate, held.samples[: held.sound_to - held.first])


def bin_of(time: float, rate: float) -> int:
    """The number k of the bin ``[k / rate, (k + 1) / rate)`` that ``time`` (s) lies in, forgiving float noise."""
    return math.floor(time * rate + BIN_EPSILON)


class _Wanted:
    """Tells of each packet, in decoding order, whether its picture can be the first of a bin; keeps little."""

    def __init__(self, rate: float, first_bin: int):
        self._rate, self._first_bin = rate, first_bin
        self._earliest: dict[int, float] = {}
        self._last, self._dense = -math.inf, True

    def passes_over(self, time: float) -> bool:
        """Whether a packet, told of in decoding order, is shown between two others so near that no bin needs it."""
        if time <= self._last:
            return self._dense
        # Where others are no further apart than a bin is long, one of them lies in every bin.
        self._dense = self._last == -math.inf or time - self._last <= 1 / self._rate
        self._last = time
        return False

    def __call__(self, time: float) -> bool:
        number = bin_of(time, self._rate)
        if number < self._first_bin or self._earliest.get(number, math.inf) < time:
            return False
        self._earliest[number] = time
        if len(self._earliest) > 2 * REORDER_BINS:
            self._earliest = dict(sorted(self._earliest.items())[REORDER_BINS:])
        return True


def _number(container, stream) -> int | None:
    """Which track of its kind a stream is, from 1."""
    return None if stream is None else tracks(container, stream.type).index(stream) + 1


def _codec(stream) -> str | None:
    return None if stream is None else stream.codec_context.codec.canonical_name
