"""Stretches of a recording in which nothing was recorded: the computer slept meanwhile, and the clock went on."""

from __future__ import annotations

import math

from emorec.media.clock import FORWARD, LONGEST_PACKET
from emorec.media.integrity import JUMP

SHORTEST = FORWARD - 2 * JUMP  # seconds; pictures that are closer have no hole between them
TOGETHER = JUMP / 2  # seconds by which sound and pictures may come again apart from each other


class Holes:
    """Finds where both sound and pictures pause, the sound for more than ``FORWARD`` seconds, and come again together.

    A picture that stands still is no hole, whether beside steady sound, beside silence that has no packets or after
    the end of the sound.
    """

    def __init__(self) -> None:
        self.heard = -math.inf  # when the latest packet of sound begins (s)
        self._sound_until = -math.inf
        self._pauses: list[tuple[float, float]] = []  # begin and end of each pause of the sound (s)
        self._found: list[tuple[float, float]] = []  # the last picture before each hole, and where the hole begins (s)

    def hear(self, shown: float, length: float) -> None:
        """Note a packet of sound, when it begins and for how long it lasts (s); a packet may be noted twice."""
        if shown <= self.heard:
            return
        if shown > self._sound_until + FORWARD > -math.inf:
            self._pauses.append((self._sound_until, shown))
        self.heard, self._sound_until = shown, shown + (length if length <= LONGEST_PACKET else 0.0)

    def see(self, one: float, other: float) -> None:
        """Look for a hole between two decoded pictures that follow each other (s), when all sound that begins up to
        ``TOGETHER`` before the second is noted, and one packet more."""
        for begin, end in self._pauses:
            if begin >= one - JUMP and abs(end - other) < TOGETHER:
                self._found.append((one, begin))

    def between(self, one: float, other: float) -> float | None:
        """Where the hole between two pictures begins, None if there is none (all s)."""
        return next((begin for before, begin in self._found if one <= before < other), None)
