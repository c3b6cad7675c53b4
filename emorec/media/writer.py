"""Writes pictures and sound as an mp4 file (H.264 and AAC) that players and browsers open."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorRange

from emorec import files
from emorec.errors import EmorecError
from emorec.media.playback import Colours

CLOCK = 90_000  # ticks a second, the clock of most recordings
SOUND_RATE = 48_000  # Hz
SOUND_BITS = 160_000  # bits a second
KEYFRAME_EVERY = 60  # pictures; a player can seek to each of them
# Without B-frames every picture is written at once with its own time, so no player has to shift the clock.
OPTIONS = {"preset": "superfast", "crf": "22", "bf": "0"}


class MovieWriter:
    """Writes an mp4 file: complete once the context ends without an error, and absent otherwise.

    ``size`` is width and height (px, both even), ``colours`` are those of ``playback.Picture``, ``rate`` (Hz) is about
    how many pictures there are a second, and ``sound`` tells whether there will be any. Raises EmorecError if the file
    cannot be written.
    """

    def __init__(self, path: Path, size: tuple[int, int], colours: Colours, rate: float, sound: bool):
        self._path = path
        self._target = Path(os.path.realpath(path))  # a link stays
        self._partial = files.partial_of(self._target)
        with self._errors():
            self._target.parent.mkdir(parents=True, exist_ok=True)
            # "file:" keeps a colon in the name from being read as a protocol.
            options = {"movflags": "+faststart"}
            self._container: Any = av.open(f"file:{self._partial}", "w", format="mp4", options=options)
        self._video = self._container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.options = OPTIONS | {"g": str(KEYFRAME_EVERY)}
        context = self._video.codec_context
        context.time_base = Fraction(1, CLOCK)
        context.color_range = ColorRange.MPEG
        context.color_primaries, context.color_trc, context.colorspace = colours
        self._sound = self._container.add_stream("aac", rate=SOUND_RATE, layout="stereo") if sound else None
        if self._sound:
            self._sound.bit_rate = SOUND_BITS
            self._sound.options = {"aac_coder": "fast"}
        self._samples = 0

    def picture(self, time: float, planes: np.ndarray) -> None:
        """Add a picture at ``time`` (s, after that of the one before): ``planes`` as in ``playback.Picture``."""
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = round(time * CLOCK), Fraction(1, CLOCK)
        self._mux(self._video, frame)

    def sound(self, samples: np.ndarray) -> None:
        """Add sound, float32 ``(N, 2)`` at SOUND_RATE; the first sample is at 0 s, and there are no gaps."""
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.sample_rate = SOUND_RATE
        frame.pts, frame.time_base = self._samples, Fraction(1, SOUND_RATE)
        self._samples += len(samples)
        self._mux(self._sound, frame)

    def __enter__(self) -> Self:
        with self._errors():
            # FFmpeg opens it later, which the permissions of an older file may not allow; they may also be private.
            self._partial.touch(0o600 if self._target.exists() else 0o666)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._mux(self._video, None)
                if self._sound:
                    self._mux(self._sound, None)
                with self._errors():
                    self._container.close()
                    files.keep_mode(self._target, self._partial)
                    files.when_free(lambda: os.replace(self._partial, self._target))
        finally:
            with contextlib.suppress(FFmpegError, OSError):
                self._container.close()
            files.discard(self._partial)

    def _mux(self, stream: Any, frame: Any) -> None:
        with self._errors():
            for packet in stream.encode(frame):
                self._container.mux(packet)

    @contextlib.contextmanager
    def _errors(self):
        try:
            yield
        except (FFmpegError, OSError) as error:
            reason = error.strerror or error
            raise EmorecError(f"{self._path} cannot be written ({reason}); choose another place.") from None
