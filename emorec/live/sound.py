"""The sound of a live session as one mono stream: its blocks follow each other, and what is missing leaves a gap."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np

from emorec.media.resample import Resampler

GAP = 0.25  # seconds by which the time of a block of sound may differ from the end of the one before it
SETTLE = 1.0  # seconds that blocks without a time may seem too early, and that held blocks wait for the next one
FASTER = 1.5  # times real time; sound that was recorded while a program stalled comes at least this fast
MOST_HELD = 60.0  # seconds of sound that are held

Piece = tuple[int, np.ndarray]  # the number of the first sample, and mono samples (N,)


class Blocks:
    """Joins blocks of sound to mono samples at ``rate`` (Hz), each with a number from the beginning of the session.

    When a block without a time comes after a pause, either nothing was recorded in the pause, or a device or a program
    stalled and now delivers what it recorded. Only the next blocks tell which: after a stall they come faster than real
    time. Until then the blocks are held. They are placed as late as possible, but so that each ends before it came:
    after a pause this is their own time, after a stall the end of the earlier sound.
    """

    def __init__(self, rate: int):
        self._rate = rate
        self._resampler = Resampler(rate)
        self._end: int | None = None  # the number of the sample after the last one
        self._early_since: float | None = None  # when blocks without a time began to seem too early (s)
        self._held: list[tuple[np.ndarray, int]] = []  # blocks and their rates (Hz)
        self._length = 0.0  # of the held blocks (s)
        self._begin = math.inf  # where the held blocks begin (s)
        self._came = 0.0  # when the last held block came (s)
        self._mark = (0.0, 0.0)  # when the speed of the blocks was last measured (s), and _begin at that time
        self._lock = threading.Lock()

    def add(self, sound: np.ndarray, rate: int, moment: float, timed: bool = True) -> list[Piece]:
        """The pieces that can be placed once there is a further block, float32 (channels, M) at ``rate`` (Hz).

        ``moment`` (s) is when its first sample was heard. If it is not ``timed``, that is only known from when it came.
        """
        with self._lock:
            pieces: list[Piece] = []
            came = moment + sound.shape[1] / rate
            if self._held and (timed or not self._comes_fast(came, sound.shape[1] / rate)):
                pieces = self._release()
            if self._held or (not timed and self._end is not None and moment - self._end / self._rate > GAP):
                self._hold(sound, rate, came)
                return pieces + (self._release() if self._caught_up() or self._length > MOST_HELD else [])
            return [*pieces, self._placed(sound, rate, moment, None if timed else came)]

    def settle(self, now: float, offer: Callable[[int, np.ndarray], None]) -> None:
        """Offer the blocks that are held, if no other came in the last second before ``now`` (s)."""
        with self._lock:  # also while they are offered, so that no later block comes before them
            if now - self._came >= SETTLE:
                for begin, mono in self._release():
                    offer(begin, mono)

    def _hold(self, sound: np.ndarray, rate: int, came: float) -> None:
        first = not self._held
        self._held.append((sound, rate))
        self._length += sound.shape[1] / rate
        self._begin, self._came = min(self._begin, came - self._length), came
        if first:
            self._mark = came, self._begin

    def _comes_fast(self, came: float, length: float) -> bool:
        """Whether blocks come faster than they are heard, with a further one (s), or it is too soon to tell."""
        marked, before = self._mark
        if came - marked < GAP:
            return True
        begin = min(self._begin, came - self._length - length)
        self._mark = came, begin
        return before - begin >= (FASTER - 1) * (came - marked)

    def _caught_up(self) -> bool:
        return self._end is not None and self._begin - self._end / self._rate <= GAP

    def _release(self) -> list[Piece]:
        """The held blocks, one after the other."""
        pieces, moment = [], self._begin
        for sound, rate in self._held:
            pieces.append(self._placed(sound, rate, moment))
            moment += sound.shape[1] / rate
        self._held, self._length, self._begin = [], 0.0, math.inf
        return pieces

    def _placed(self, sound: np.ndarray, rate: int, moment: float, came: float | None = None) -> Piece:
        begin = round(moment * self._rate)
        if self._end is not None and self._follows(begin - self._end, came):
            begin = self._end
        else:
            self._resampler.restart()
        mono = self._resampler.add(sound, rate)
        self._end = begin + len(mono)
        return begin, mono

    def _follows(self, samples: int, came: float | None) -> bool:
        """Whether a block follows the last one, although it seems to begin so many samples after its end."""
        if abs(samples) <= GAP * self._rate:
            self._early_since = None
            return True
        if came is None or samples > 0:
            return False
        # Blocks that still seem to begin too early after a second are really earlier, because the clocks differ.
        if self._early_since is None:
            self._early_since = came
        if came - self._early_since < SETTLE:
            return True
        self._early_since = None
        return False
