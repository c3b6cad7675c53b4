"""The clock of a live session: the times of its pictures and sound, without long pauses and without jumps."""

from __future__ import annotations

import math
import threading
from numbers import Real

from emorec.errors import EmorecError

LONGEST_PAUSE = 60.0  # seconds; a longer pause without pictures and sound is shortened to PAUSE
PAUSE = 1.0  # seconds
EARLY = 0.2  # seconds before the beginning up to which a picture counts as one at the beginning; sound is cut off there

NO_TIME = "The time {value!r} is not possible; give seconds since the beginning, or none."


class Times:
    """Brings the given times (s) of pictures and of sound into one time (s), from 0 on, that does not jump.

    After a longer pause, and after a time more than LONGEST_PAUSE before the latest of its kind, the next one is placed
    PAUSE after the end of everything. ``left_out`` (s) is how far given times are ahead of this clock, and ``set_back``
    how often they went back.
    """

    def __init__(self) -> None:
        self.left_out, self.set_back = 0.0, 0
        self._latest = {"picture": 0.0, "sound": 0.0}  # when the latest one begins (s)
        self._end = 0.0  # of all there is (s)
        self._lock = threading.Lock()

    def preview(self, at: float, kind: str) -> float:
        """The time (s) that a ``kind``, "picture" or "sound", would get if it came with the time ``at``."""
        moment = at - self.left_out
        return self._after() if self._jumped(moment, kind) else max(moment, 0.0)

    def place(self, at: object, kind: str, length: float = 0.0) -> float:
        """The time (s) of one that is given with the time ``at`` and lasts ``length`` (s).

        It is below 0 for what was before the beginning, which cannot be used. Raises EmorecError for what is no time.
        """
        if isinstance(at, bool) or not isinstance(at, Real) or not math.isfinite(at):
            raise EmorecError(NO_TIME.format(value=at))
        at = float(at)  # else all later times would have the precision of a NumPy type, which may be coarse
        with self._lock:
            moment = at - self.left_out
            if self._jumped(moment, kind):
                self.set_back += moment < self._latest[kind]
                moment = self._after()
                self.left_out = at - moment
            self._latest[kind] = max(self._latest[kind], moment)
            self._end = max(self._end, moment + length)
            return moment if kind == "sound" or moment < -EARLY else max(moment, 0.0)

    def _jumped(self, moment: float, kind: str) -> bool:
        # A file's sound may come long before its pictures of the same time, so only times of one kind are compared.
        return moment > self._end + LONGEST_PAUSE or moment < self._latest[kind] - LONGEST_PAUSE

    def _after(self) -> float:
        return self._end + PAUSE
