"""Mixes the channels of decoded sound into one.

``mix`` is the mean of the channels. If the two channels of stereo are out of phase (a balanced microphone on a
stereo input, a wrongly wired cable), the mean cancels the voice, and half their difference is the voice. Which of the
two is used is decided for each block by the samples of that block alone, so it does not depend on where decoding began;
if two blocks differ, one fades into the other. More than two channels are first mixed to two by where their speakers
stand. Without speakers (a field recorder with a track for each microphone) the mix is the mean of all channels, and of
ambisonic sound it is the channel that hears all directions alike.
"""

from __future__ import annotations

import math
from typing import Any

import av
import numpy as np

from emorec.media.integrity import AV_ERRORS

# How many times the energy of the difference must be that of the mean (6 dB) for the sides to be out of phase: a
# correlation under -0.6. Uncorrelated channels have the same energy in both.
OUT_OF_PHASE = 4.0

# Hz; energies are those of the difference between samples a period of this apart, so that a constant offset and hum do
# not count, and a voice (0.3 to 3.5 kHz) does.
LAG = 4000.0

# Seconds in which the mean fades into the difference, or the difference into the mean, at the start of a block.
FADE = 0.02

NAMES = {"left": "FL", "right": "FR"}

NO_SPEAKER, ALL_DIRECTIONS = "NONE", "AMBI0"  # FFmpeg's names of channels that belong to no speaker

# PyAV reads beyond the planes of a frame that has more, which ends the process.
MAX_PLANES = 7

# Full scale is 1. What is larger is no sound: the filter of the resampler would spread it over its neighbours, and it
# would make every later number meaningless.
MAX_SAMPLE = 1e6


def out_of_phase(pieces: list[tuple[float, int, np.ndarray]], begin: float, end: float) -> bool:
    """Whether the two channels of the sound between two times (s) cancel each other in their mean.

    Each piece is ``(time, rate, samples)`` with float32 samples ``(channels, N)``; those with one channel are ignored.
    """
    middle = side = 0.0
    for time, rate, samples in pieces:
        first, last = (max(0, math.ceil((edge - time) * rate)) for edge in (begin, end))
        inside, lag = samples[:, first:last], max(1, round(rate / LAG))
        if len(inside) == 2 and inside.shape[1] > lag:
            left, right = inside[:, lag:] - inside[:, :-lag]
            middle += float(np.square(left + right, dtype=np.float64).sum())
            side += float(np.square(left - right, dtype=np.float64).sum())
    return side > OUT_OF_PHASE * middle


def mono(piece: tuple[float, int, np.ndarray], sign: float, before: float | None, begin: float) -> np.ndarray:
    """The samples ``(N,)`` of a piece: its one channel, or half of left plus ``sign`` times right.

    ``before`` is the sign of the block before this one, which begins at ``begin`` (s); None if that is not known.
    """
    time, rate, samples = piece
    if len(samples) == 1:
        return samples[0]
    if before not in (None, sign) and time < begin + FADE:
        at = time + np.arange(samples.shape[1]) / rate
        sign = np.interp(at, [begin, begin + FADE], [before, sign]).astype(np.float32)
    return (samples[0] + sign * samples[1]) * np.float32(0.5)


class Mixer:
    """Turns decoded sound of any format and layout into float32 at its own rate: the chosen channel, or two sides.

    "split" is the left and the right channel, "mix" both sides of all channels.
    """

    def __init__(self, channel: str = "mix"):
        self._channel = channel
        self._resampler: Any = None
        self._form: tuple | None = None

    def samples(self, frame: av.AudioFrame) -> np.ndarray | None:
        """Samples ``(1, N)``, for "split" ``(2, N)``, for "mix" either; None if it cannot be decoded.

        "left" and "right" of sound with one channel are that channel. NaN, infinities and what is larger than
        MAX_SAMPLE become silence.
        """
        found = self._mixed(frame)
        if found is None:
            return None
        valid = np.abs(found) <= MAX_SAMPLE  # false for NaN
        return found if valid.all() else np.where(valid, found, np.float32(0))

    def _mixed(self, frame: av.AudioFrame) -> np.ndarray | None:
        """As ``samples``, whatever they are."""
        if not frame.samples or not frame.sample_rate:
            return None
        count = frame.layout.nb_channels
        if self._channel == "mix" and count <= 2:
            return self._converted(frame, frame.layout.name)
        names = [channel.name for channel in frame.layout.channels]
        if self._channel == "mix" and names[0] not in (NO_SPEAKER, ALL_DIRECTIONS):
            return self._converted(frame, "stereo")
        found = self._converted(frame, frame.layout.name)
        if found is None:
            return None
        if self._channel == "mix":
            return found[:1] if names[0] == ALL_DIRECTIONS else found.mean(axis=0, keepdims=True)
        sides = NAMES if self._channel == "split" else (self._channel,)
        return found[[_index(names, side) for side in sides]]

    def _converted(self, frame: av.AudioFrame, layout: str) -> np.ndarray | None:
        """Samples ``(channels, N)`` in another layout."""
        same = frame.layout.name == layout
        if same and frame.format.name == "fltp" and frame.layout.nb_channels <= MAX_PLANES:
            return frame.to_ndarray()  # what most decoders give; the resampler would only copy it
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        frame.pts = None
        try:
            if form != self._form:
                # Channels are averaged, not summed, so that a voice is as loud in stereo as in mono.
                self._resampler = av.AudioResampler("flt", layout, frame.sample_rate, options={"rematrix_maxval": "1"})
                self._form = form
            return np.concatenate([channels_first(out) for out in self._resampler.resample(frame)], axis=1)
        except AV_ERRORS:
            self._form = None
            return None


def channels_first(frame: av.AudioFrame) -> np.ndarray:
    """The samples ``(channels, N)`` of a frame that has those of all channels in one plane."""
    return frame.to_ndarray().reshape(-1, frame.layout.nb_channels).T


def _index(names: list[str], side: str) -> int:
    """The index of the channel "left" or "right" among the channels of a layout."""
    return names.index(NAMES[side]) if NAMES[side] in names else min(int(side == "right"), len(names) - 1)
