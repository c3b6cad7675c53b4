"""Sound that comes in blocks at any rate, as mono at one rate, without a seam between the blocks."""

from __future__ import annotations

import av
import numpy as np


class Resampler:
    """Turns blocks of one sound into mono at ``rate`` (Hz); a block with another rate begins a new sound."""

    def __init__(self, rate: int):
        self._rate = rate
        self._resampler: av.AudioResampler | None = None
        self._source_rate = 0

    def add(self, samples: np.ndarray, source_rate: int) -> np.ndarray:
        """The next samples float32 (N,) from a block float32 (channels, M); its filter holds back some."""
        mono = samples[0] if len(samples) == 1 else samples.mean(axis=0, dtype=np.float32)
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
        self._resampler = None
