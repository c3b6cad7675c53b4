"""From the channels of decoded sound to one.

``mix`` is the mean of the channels. Where the two sides of stereo are out of phase (a balanced microphone on a stereo
input, a wrongly wired cable) the mean cancels the voice, and half their difference is the voice. Which of the two is
taken is decided for each block of sound by the samples of that block alone, so it does not depend on where decoding
began; where two blocks differ, one fades into the other.
"""

from __future__ import annotations

import math

import av
import numpy as np

from emorec.media.integrity import AV_ERRORS

OUT_OF_PHASE = 4.0
"""How many times the energy of the difference must be that of the mean (6 dB) for the sides to be out of phase: a
correlation under -0.6. Sides that have nothing to do with each other have the same energy in both."""

LAG = 4000.0
"""Hz; energies are those of the difference between samples a period of this apart, so that a constant offset and hum
do not count, and a voice (0.3 to 3.5 kHz) does."""

FADE = 0.02
"""Seconds in which the mean fades into the difference, or the difference into the mean, where a block begins."""

NAMES = {"left": "FL", "right": "FR"}


def out_of_phase(pieces: list[tuple[float, int, np.ndarray]], begin: float, end: float) -> bool:
    """Whether the sides of the sound between two times (s) cancel each other in their mean.

    Each piece is ``(time, rate, samples)`` with float32 samples ``(channels, N)``; those of one channel do not count.
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
    """Turns decoded sound of any format and layout into float32 at its own rate: the chosen channel, or two sides."""

    def __init__(self, channel: str = "mix"):
        self._channel = channel
        self._resampler, self._form = None, None

    def samples(self, frame: av.AudioFrame) -> np.ndarray | None:
        """Samples ``(1, N)``, for "mix" of more than one channel ``(2, N)``; None if there are none to be had.

        "left" and "right" of sound with one channel are that channel.
        """
        if not frame.samples or not frame.sample_rate:
            return None
        count = frame.layout.nb_channels
        if self._channel != "mix" or count <= 2:
            found = self._converted(frame, frame.layout.name)
        else:
            found = self._converted(frame, "stereo")
        if found is None or self._channel == "mix" or count == 1:
            return found
        names = [channel.name for channel in frame.layout.channels]
        index = names.index(NAMES[self._channel]) if NAMES[self._channel] in names else int(self._channel == "right")
        return found[index : index + 1]

    def _converted(self, frame: av.AudioFrame, layout: str) -> np.ndarray | None:
        """Samples ``(channels, N)`` in another layout."""
        if frame.format.name == "fltp" and frame.layout.name == layout:
            return frame.to_ndarray()  # what most decoders give; the resampler would say the same, and takes its time
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        frame.pts = None
        try:
            if form != self._form:
                # Channels are averaged, not summed, so that a voice is as loud in stereo as in mono.
                self._resampler = av.AudioResampler("fltp", layout, frame.sample_rate, options={"rematrix_maxval": "1"})
                self._form = form
            return np.concatenate([out.to_ndarray() for out in self._resampler.resample(frame)], axis=1)
        except AV_ERRORS:
            self._form = None
            return None
