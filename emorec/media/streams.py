"""The pictures and sound of a recording, on one clock.

Time is in seconds on the media's own clock: its zero is the start of the container, as in a browser's player, and every
time comes from presentation timestamps. Which pictures are sampled and where a block of sound ends depends on their
times alone, so a run that starts in the middle yields the same as an uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.reformatter import VideoReformatter

from emorec.errors import EmorecError
from emorec.media import containers, sampling
from emorec.media import duration as media_duration
from emorec.media.audio import block_edges, blocks
from emorec.media.frame_rates import frame_rate
from emorec.media.integrity import AV_ERRORS
from emorec.media.passes import Damage, DamageReport, ShownUntil, decode_stream
from emorec.media.reader import BIN_EPSILON, Reader
from emorec.media.selection import EVERYTHING, Selection, tracks
from emorec.media.video import full_range, luma, picture, pixel_aspect, rotate_image, upright_size
from emorec.prefetch import Prefetcher

PICTURES_AHEAD = 3  # sampled pictures that may be decoded before the first of them is converted, in a separate thread


@dataclass(frozen=True, kw_only=True)
class MediaInfo:
    """The metadata of a file. ``duration`` (s) is the best estimate, None if unknown; ``width`` and ``height`` (px) are
    those of the upright picture with square pixels; ``frame_rate`` (Hz) is the average; ``size`` is in bytes.
    ``video_tracks`` and ``audio_tracks`` count all tracks, even those that cannot be decoded; ``video_track`` and
    ``audio_track`` are the numbers, from 1, of the selected ones."""

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
    """An upright picture at ``time`` (s): ``image`` is uint8 RGB ``(H, W, 3)``, scaled down to the requested size;
    ``luma`` is its brightness at full size, uint8 ``(H, W)``, from 16 to 235 if ``limited``, else from 0 to 255."""

    time: float
    image: np.ndarray
    luma: np.ndarray
    limited: bool

    @property
    def grey(self) -> np.ndarray:
        """The brightness at full size, uint8 ``(H, W)``, from 0 to 255."""
        return full_range(self.luma) if self.limited else self.luma


@dataclass(frozen=True)
class AudioBlock:
    """Sound that begins at ``time`` (s): ``samples`` is float32 mono ``(N,)``; of the channel "split" ``(2, N)``."""

    time: float
    samples: np.ndarray


def probe(path: str | Path, selection: Selection = EVERYTHING) -> MediaInfo:
    """The metadata of a recording, after a first picture and a first sound of the selected tracks were decoded.

    Nothing is decoded of a kind that is not selected, and ``width`` and ``height`` are None without pictures.
    Raises ``EmorecError`` if there is no such file, or it is a directory, empty, a picture, no recording at all, too
    damaged to open, or has neither video nor audio that can be decoded, or lacks the selected track.
    """
    path = Path(path)
    with Reader(path, selection) as reader:
        streams = {kind: stream for kind, stream in reader.streams.items() if stream is not None}
        if not reader.container.streams:
            raise containers.unreadable_error(path)
        if not any(reader.has.values()):
            raise EmorecError(f"{path.name} holds neither video nor audio that can be decoded.")
        firsts = reader.first_frames()
        if streams and not firsts:
            if reader.too_large:
                raise EmorecError(f"{path.name} has too many pixels ({reader.too_large}); scale it down first.")
            raise EmorecError(f"{path.name} is too damaged: neither a picture nor a sound in it can be decoded.")
        video, sound = reader.streams["video"], reader.streams["audio"]
        width = height = rate = None
        if video is not None:
            width, height = upright_size(firsts.get("video", video.codec_context), pixel_aspect(video))
            width, height = (height, width) if selection.rotate % 180 else (width, height)
            if reader.container_names != "webp":  # whose pictures each have a length of their own
                rate = frame_rate(video)
        return MediaInfo(
            path=path,
            container=containers.short_name(reader.container_names, path),
            duration=media_duration.duration_from_header(reader) or media_duration.duration_from_packets(path),
            has_video=reader.has["video"],
            has_audio=reader.has["audio"],
            width=width,
            height=height,
            frame_rate=rate,
            video_codec="webp" if reader.container_names == "webp" else _codec(video),
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
    selection: Selection = EVERYTHING,
    end: float = math.inf,
) -> Iterator[Frame | Damage | ShownUntil]:
    """Yield at most ``rate`` pictures a second in the order of time, none if there is no video.

    Time is divided into bins ``[k / rate, (k + 1) / rate)``, and the first picture of each is yielded, from the first
    bin that begins at ``start`` (s) or later; if decoding can skip B-frames, the first that is none. A start in the
    middle yields the same pictures as an uninterrupted pass, after the one that is shown at the start if the first bin
    has none. Pictures from ``end`` (s) on are left out. The longer side is scaled down to ``max_side`` (px).

    A picture is shown until the next one. ``ShownUntil`` follows one after which nothing is recorded for a while, and
    the last one if it lasts for more than a bin beyond its own. If the video is broken or cut off, one ``Damage`` is
    among them or comes last. Raises ``EmorecError`` as ``probe`` does.
    """
    first_bin = math.ceil(start * rate - BIN_EPSILON)
    reformatter = VideoReformatter()
    report = DamageReport()
    latest: tuple[Reader, float] | None = None
    pictures = decode_stream(
        Path(path), "video", start, report, lambda: sampling.BinSampler(rate, first_bin), selection, end
    )
    with Prefetcher(sampling.sample_frames(pictures, rate, first_bin, start), PICTURES_AHEAD) as sampled:
        for reader, time, frame, aspect in sampled:
            yield from report.take_new()
            try:
                image = picture(frame, reformatter, aspect, max_side)
            except AV_ERRORS:
                reader.note_error(time)
                continue
            if latest is not None:
                yield from _until_hole(*latest, rate, time)
            plane, limited = luma(frame, aspect)
            latest = reader, time
            yield Frame(time, rotate_image(image, selection.rotate), rotate_image(plane, selection.rotate), limited)
    if latest is not None:
        yield from _last_shown(*latest, rate, end)
    yield from report.take_rest()


def audio(
    path: str | Path,
    rate: int = 16_000,
    start: float = 0.0,
    block_seconds: float = 10.0,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
    part_from: float = 0.0,
) -> Iterator[AudioBlock | Damage]:
    """Yield the sound in blocks, nothing if there is no audio.

    Blocks end at the multiples of ``block_seconds`` on the media's clock, or where the sound ends; the first begins
    where the sound does. Gaps are filled with silence, so the samples keep the media's clock. Every block is resampled
    independently: a ``start`` (s) at a multiple of ``block_seconds`` gives the blocks of an uninterrupted pass (samples
    at most 1e-4 apart). If codec or container do not allow seeking (aac, mp3 files, ...), decoding starts at the
    beginning, which costs about ten seconds for an hour; for aac at ``part_from`` (s), where the selected part begins.
    Sound from ``end`` (s) on is left out.

    If the audio is broken or cut off, one ``Damage`` is among them or comes last. Raises ``EmorecError`` as ``probe``
    does.
    """
    held, report = None, DamageReport()
    for block in blocks(Path(path), rate, start, block_seconds, report, selection, end, part_from):
        yield from report.take_new()
        if held is not None:
            yield AudioBlock(held.first / rate, held.samples)
            for number in range(held.number + 1, block.number):
                first, last = block_edges(number, rate, start, block_seconds)
                yield AudioBlock(first / rate, np.zeros((*held.samples.shape[:-1], last - first), dtype=np.float32))
        held = block
    if held is not None and held.sound_to > held.first:
        yield AudioBlock(held.first / rate, held.samples[..., : held.sound_to - held.first])
    yield from report.take_rest()


def _last_shown(reader: Reader, time: float, rate: float, end: float) -> Iterator[ShownUntil]:
    """When the last picture, at ``time`` (s), ends, unless it lasts hardly longer than its bin."""
    until = min(reader.shown_until, end)
    holes = [*_until_hole(reader, time, rate, end)] if until == end else []
    yield from holes
    if not holes and until > (sampling.bin_of(time, rate) + 2) / rate:
        yield ShownUntil(until)


def _until_hole(reader: Reader, time: float, rate: float, following: float) -> Iterator[ShownUntil]:
    """When the picture at ``time`` ends, if there is a hole before the one at ``following`` (all s)."""
    if (hole := reader.holes.find(time, following)) is not None:
        yield ShownUntil(max(hole, (sampling.bin_of(time, rate) + 1) / rate), exactly=True)


def _number(container, stream) -> int | None:
    """The number of a track among those of its kind, from 1."""
    return None if stream is None else tracks(container, stream.type).index(stream) + 1


def _codec(stream) -> str | None:
    return None if stream is None else stream.codec_context.codec.canonical_name
