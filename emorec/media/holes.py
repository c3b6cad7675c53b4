"""Stretches in which nothing was recorded although the clock went on, as when the computer slept."""

from __future__ import annotations

import math

from emorec.media.clock import FORWARD, LONGEST_PACKET
from emorec.media.integrity import JUMP

SHORTEST = FORWARD - 2 * JUMP  # seconds; pictures that are closer have no hole between them
TOGETHER = JUMP / 2  # seconds, at most, between the return of the sound and that of the pictures


class Holes:
    """Finds where sound and pictures pause together, the sound for more than ``FORWARD`` seconds, and return together.

    A picture that stands still is no hole, whether beside steady sound, beside silence that has no packets or after
    the end of the sound.
    """

    def __init__(self) -> None:
        self.latest_sound = -math.inf  # when the latest packet of sound begins (s)
        self._sound_until = -math.inf
        self._pauses: list[tuple[float, float]] = []  # begin and end of each pause of the sound (s)
        self._found: list[tuple[float, float]] = []  # the last picture before each hole, and where the hole begins (s)

    def note_sound(self, shown: float, length: float) -> None:
        """Note a packet of sound, when it begins and for how long it lasts (s); a packet may be noted twice."""
        if shown <= self.latest_sound:
            return
        if shown > self._sound_until + FORWARD > -math.inf:
            self._pauses.append((self._sound_until, shown))
        self.latest_sound, self._sound_until = shown, shown + (length if length <= LONGEST_PACKET else 0.0)

    def compare_pictures(self, one: float, other: float) -> None:
        """Look for a hole between two decoded pictures that follow each other, at the times ``one`` and ``other`` (s).

        All sound up to ``TOGETHER`` before the second picture, and one more packet, must have been noted before.
        """
        for begin, end in self._pauses:
            if begin >= one - JUMP and abs(end - other) < TOGETHER:
                self._found.append((one, begin))

    def find(self, one: float, other: float) -> float | None:
        """Where the hole between two pictures begins, None if there is none (all s)."""
        return next((begin for before, begin in self._found if one <= before < other), None)
