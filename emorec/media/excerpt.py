"""Excerpts of one track: a few seconds of its sound and a few of its pictures, from given places.

They serve to choose among tracks and are not stored, so decoding may start at any keyframe near a place.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from emorec.media import mixdown
from emorec.media.integrity import AV_ERRORS
from emorec.media.reader import Reader
from emorec.media.selection import Selection
from emorec.media.video import picture, pixel_aspect, rotate_image

# Frames that are decoded at one place at most, whatever keyframes and times a file has.
MAX_FRAMES = {"audio": 2000, "video": 150}

# Frames of sound before a place that are skipped: seeking leads to the keyframe of a picture before it.
MAX_SKIPPED = 1000

NEAR = 5.0  # seconds up to which decoding continues to the next place instead of seeking


def sounds(
    path: str | Path, selection: Selection, places: Sequence[float], seconds: float, rate: int
) -> Iterator[np.ndarray]:
    """Yield float32 mono ``(N,)`` at ``rate`` (Hz), about ``seconds`` (s) from each of the ``places`` (s) that has
    sound. Raises ``EmorecError`` as ``media.probe`` does."""
    with Reader(Path(path), selection) as reader:
        mixer = mixdown.Mixer(selection.channel)
        for place in places if reader.streams["audio"] is not None else ():
            pieces, length = [], 0.0
            reader.seek("audio", place, repeatable=False)
            for count, (time, frame) in enumerate(_decode_from_here(reader, "audio")):
                if time < place and count < MAX_SKIPPED:
                    continue
                if (samples := mixer.samples(frame)) is not None:
                    pieces.append((length, frame.sample_rate, samples))
                    length += samples.shape[1] / frame.sample_rate
                if length >= seconds:
                    break
            if pieces:
                yield _mono(pieces, length, rate)


def pictures(path: str | Path, selection: Selection, places: Sequence[float], max_side: int) -> Iterator[np.ndarray]:
    """Yield one picture, uint8 RGB ``(H, W, 3)``, from near each of the ``places`` (s), its longer side at most
    ``max_side`` (px). Raises ``EmorecError`` as ``media.probe`` does."""
    reformatter = VideoReformatter()
    with Reader(Path(path), selection) as reader:
        stream, reached = reader.streams["video"], -NEAR
        for place in places if stream is not None else ():
            if place - reached >= NEAR:
                reader.seek("video", place)
            frame = None
            for reached, frame in _decode_from_here(reader, "video"):  # noqa: B007 (the last one is used)
                if reached >= place:
                    break
            if frame is not None:
                with contextlib.suppress(*AV_ERRORS):
                    yield rotate_image(picture(frame, reformatter, pixel_aspect(stream), max_side), selection.rotate)


def _decode_from_here(reader: Reader, kind: str) -> Iterator[tuple[float, Any]]:
    """Frames from the current position, which may be after the wanted place if the file does not allow seeking."""
    return itertools.islice(reader.decode(kind, None), MAX_FRAMES[kind])


def _mono(pieces: list[tuple[float, int, np.ndarray]], length: float, rate: int) -> np.ndarray:
    sign = -1.0 if mixdown.out_of_phase(pieces, 0.0, length) else 1.0
    resampler, source, out = None, 0, []
    for piece in pieces:
        if resampler is None or piece[1] != source:
            resampler, source = av.AudioResampler("fltp", "mono", rate), piece[1]
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(mixdown.mono(piece, sign, None, 0.0)[None]), format="fltp", layout="mono"
        )
        frame.sample_rate = source
        out += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return np.concatenate([*out, np.zeros(0, np.float32)])
