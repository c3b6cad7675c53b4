"""Sound that comes in blocks at any rate, as mono at one rate, without a seam between the blocks."""

from __future__ import annotations

import av
import numpy as np

from emorec.media import mixdown

# Seconds of the latest sound that decide whether the two channels are out of phase; blocks may be much shorter, and a
# single vowel says little about the microphones.
RECENT = 1.0
EVERY = 0.1  # seconds between two decisions, at least


class Resampler:
    """Turns blocks of one sound into mono at ``rate`` (Hz); a block with another rate begins a new sound."""

    def __init__(self, rate: int):
        self._rate = rate
        self.restart()

    def add(self, samples: np.ndarray, source_rate: int) -> np.ndarray:
        """The next samples float32 (N,) from a block float32 (channels, M); its filter holds back some.

        Two channels that are out of phase are mixed as those of a file are.
        """
        mono = self._two_mixed(samples, source_rate) if len(samples) == 2 else samples.mean(axis=0, dtype=np.float32)
        if source_rate == self._rate:
            return np.ascontiguousarray(mono, np.float32)
        if self._resampler is None or source_rate != self._source_rate:
            self._resampler, self._source_rate = av.AudioResampler("fltp", "mono", self._rate), source_rate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mono[None], np.float32), format="fltp", layout="mono")
        frame.sample_rate = source_rate
        pieces = [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
        return np.concatenate([np.zeros(0, np.float32), *pieces])

    def restart(self) -> None:
        """Forget the last block: the next one does not follow it."""
        self._resampler: av.AudioResampler | None = None
        self._source_rate = 0
        self._time = 0.0  # of the next block (s)
        self._recent: list[tuple[float, int, np.ndarray]] = []
        # The sign of the right channel in the mix, the one before it, when it changed, and when it was decided (s).
        self._sign: float | None = None
        self._before: float | None = None
        self._changed, self._decided = 0.0, -EVERY

    def _two_mixed(self, samples: np.ndarray, source_rate: int) -> np.ndarray:
        piece = self._time, source_rate, samples
        end = self._time + samples.shape[1] / source_rate
        self._recent = [one for one in self._recent if one[0] >= end - RECENT] + [piece]
        sign = self._sign
        if sign is None or end - self._decided >= EVERY:
            sign = -1.0 if mixdown.out_of_phase(self._recent, self._recent[0][0], end) else 1.0
            self._decided = end
        if sign != self._sign:
            self._sign, self._before, self._changed = sign, self._sign, self._time
        self._time = end
        return mixdown.mono(piece, sign, self._before, self._changed)
