"""The sound of a live session as one mono stream: its blocks follow each other, and what is missing leaves a gap."""

from __future__ import annotations

import threading

import numpy as np

from emorec.media.resample import Resampler

GAP = 0.25  # seconds by which the time of a block of sound may differ from the end of the one before it
SETTLE = 1.0  # seconds for which blocks without a time may differ by more


class Blocks:
    """Joins blocks of sound to mono samples at ``rate`` (Hz), each with a number from the beginning of the session."""

    def __init__(self, rate: int):
        self._rate = rate
        self._resampler = Resampler(rate)
        self._end: int | None = None  # the number of the sample after the last one
        self._differ_since: float | None = None  # when blocks without a time began to differ (s)
        self._lock = threading.Lock()

    def add(self, sound: np.ndarray, rate: int, moment: float, now: float | None) -> tuple[int, np.ndarray]:
        """The number of the first sample, and the samples (N,), of a block float32 (channels, M) at ``rate`` (Hz).

        ``moment`` (s) is when its first sample was heard. ``now`` (s) is given if that is only known from when the
        block came.
        """
        with self._lock:
            begin = round(moment * self._rate)
            if self._end is not None and self._follows(begin - self._end, now):
                begin = self._end
            else:
                self._resampler.restart()
            mono = self._resampler.add(sound, rate)
            self._end = begin + len(mono)
        return begin, mono

    def _follows(self, samples: int, now: float | None) -> bool:
        """Whether a block follows the last one, although it seems to begin so many samples after its end."""
        if abs(samples) <= GAP * self._rate:
            self._differ_since = None
            return True
        if now is None:
            return False
        # A device or a program that stalls gives what was recorded meanwhile late, and at once. Blocks that still
        # differ after a second are really later, because sound is missing, or earlier, because the clocks differ.
        if self._differ_since is None:
            self._differ_since = now
        if now - self._differ_since < SETTLE:
            return True
        self._differ_since = None
        return False
